"""Who wins a search, the files in which the winner stands, and the report."""

from dataclasses import fields, replace

import pytest
from PIL import Image

from flows.cells.failed import Failure, write_failure
from flows.planning.plan import PlanError
from flows.reproduce import Asked, plan_of
from flows.search.conclusion import conclude
from flows.search.ending import require_done
from flows.search.importance import importances
from flows.search.report import REPORT, comparison_command
from flows.search.trials import Trial, best_by_miou, front
from flows.search.winner import EXPERIMENT, base_of, candidates, winner_of
from flows.workers.pool import JobError
from hcfres.config.loading import load
from hcfres.config.method import MethodConfig
from hcfres.config.rows import load_experiment
from tests.flows.search.test_study import TIMED
from tests.flows.searches import SMALL, cells_in, learn

pytestmark = pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
TWO = SMALL.replace("best = 1, seeds = [2000]", "best = 2, seeds = [2000, 2001]")


def trial(number, miou, values, latency_ms=None, state="done"):
    key = f"cell {number}"
    return Trial(number, state, values, key, miou, latency_ms, "sampler", None, "")


def tried(cells, mious, latencies=()):
    """Trials of the space's first points, trained to these scores."""
    times = [*latencies, *[None] * len(mious)]
    pairs = zip(cells.search.space.points(), mious, times, strict=False)
    trials = []
    for number, (values, miou, latency_ms) in enumerate(pairs):
        learn(cells.planned(values, ""), miou)
        trials.append(trial(number, miou, values, latency_ms))
    return tuple(trials)


def more_seeds(cells, trial, *mious):
    for seed, miou in zip(cells.search.config.confirm.seeds, mious, strict=True):
        learn(cells.planned(trial.values, "", seed), miou)


def fail(planned):
    """Leave word in a cell's folder that it failed."""
    planned.folder.mkdir()
    why = {field.name: "why" for field in fields(Failure)}
    write_failure(planned.folder, Failure(**why | {"seed": planned.cell.seed, "attempts": 1}))


def test_the_best_and_the_base_are_run_with_more_seeds(tmp_path):
    cells = cells_in(tmp_path, TWO)
    trials = tried(cells, [0.1, 0.4, 0.2, 0.5])
    found = candidates(cells, trials)
    assert [one.trial.number for one in found] == [0, 1, 3]
    assert [len(one.missing) for one in found] == [2, 2, 2]
    assert {cell.cell.seed for one in found for cell in one.missing} == {2000, 2001}
    assert winner_of(found, None) is None
    assert candidates(cells, ()) == ()


def test_the_winner_has_the_best_mean_over_seeds_not_the_luckiest_trial(tmp_path):
    cells = cells_in(tmp_path, TWO)
    trials = tried(cells, [0.1, 0.4, 0.2, 0.5])
    more_seeds(cells, trials[0], 0.1, 0.1)
    more_seeds(cells, trials[1], 0.4, 0.4)
    more_seeds(cells, trials[3], 0.3, 0.3)
    winner = winner_of(candidates(cells, trials), None)
    assert winner.trial.number == 1
    assert winner.mean == pytest.approx(0.4)


def test_among_equals_the_earliest_trial_wins(tmp_path):
    cells = cells_in(tmp_path)
    trials = tried(cells, [0.3, 0.3])
    for one in trials:
        more_seeds(cells, one, 0.3)
    assert winner_of(candidates(cells, trials), None).method is cells.search.space.base


def test_a_method_that_fails_with_a_seed_cannot_win(tmp_path):
    cells = cells_in(tmp_path)
    trials = tried(cells, [0.3, 0.5])
    more_seeds(cells, trials[0], 0.3)
    assert winner_of(candidates(cells, trials), None) is None
    (missing,) = candidates(cells, trials)[1].missing
    fail(missing)
    winner = winner_of(candidates(cells, trials), None)
    assert winner.method is cells.search.space.base


def test_where_a_further_seed_of_the_base_failed_nobody_wins(tmp_path):
    cells = cells_in(tmp_path)
    trials = tried(cells, [0.3, 0.5])
    more_seeds(cells, trials[1], 0.5)
    fail(candidates(cells, trials)[0].missing[0])
    found = conclude(cells, trials)
    assert found.winner is None
    assert base_of(found.candidates).failures == {2000: "why"}
    with pytest.raises(JobError, match=r"no winner is named: the base, .* with seed 2000 \(why\)"):
        require_done(found, compare=False)


@pytest.mark.parametrize("text", [SMALL, TIMED])
def test_a_base_whose_trial_failed_is_still_a_candidate_and_nobody_wins(tmp_path, text):
    cells = cells_in(tmp_path, text)
    _, *others = tried(cells, [0.3, 0.5, 0.4], [None, 20.0, 20.0])
    values = next(iter(cells.search.space.points()))
    lost = trial(0, None, values, state="failed")
    for one in others:
        more_seeds(cells, one, one.miou)
    more_seeds(cells, lost, 0.3)
    found = candidates(cells, (lost, *others))
    assert found[0].is_base and found[0].has_failed
    assert winner_of(found, 0.5) is None
    later = replace(lost, number=3, state="done", miou=0.3, latency_ms=30.0)
    found = candidates(cells, (lost, *others, later))
    assert base_of(found).trial == later
    assert winner_of(found, None).trial.number == 1


def test_without_the_base_nobody_wins(tmp_path):
    cells = cells_in(tmp_path)
    _, other = tried(cells, [0.3, 0.5])
    more_seeds(cells, other, 0.5)
    assert winner_of(candidates(cells, (other,)), None) is None


def test_a_failed_trial_keeps_a_winner_from_validation_and_says_how_to_ask_all_the_same(tmp_path):
    cells = cells_in(tmp_path)
    trials = tried(cells, [0.3, 0.5])
    for one in trials:
        more_seeds(cells, one, one.miou)
    lost = replace(trial(2, None, {"fusion.across": "add"}, state="failed"), reason="out of memory")
    found = conclude(cells, (*trials, lost))
    with pytest.raises(PlanError) as refused:
        require_done(found, compare=True)
    told = str(refused.value)
    assert "though a winner is named of the rest:\n  trial 2 failed: out of memory\n" in told
    assert "--compare was not done: validation is asked about one winner" in told
    assert told.endswith(
        f"no other winner is compared any more: hcfres reproduce {found.folder / EXPERIMENT} "
        f"--setting {found.folder / 'settings' / 'small.toml'}"
    )
    require_done(conclude(cells, trials), compare=True)


def test_of_two_objectives_the_fastest_near_the_best_wins(tmp_path):
    cells = cells_in(tmp_path, TIMED.replace("best = 1", "best = 3"))
    trials = tried(cells, [0.395, 0.400, 0.395, 0.30], [20.0, 30.0, 10.0, 5.0])
    assert [one.number for one in front(trials)] == [1, 2, 3]
    for one in trials:
        more_seeds(cells, one, one.miou)
    found = candidates(cells, trials)
    assert [one.trial.number for one in found] == [0, 1, 2, 3]
    assert winner_of(found, 0.01).trial.number == 2
    assert winner_of(found, 0.001).trial.number == 1
    assert winner_of(found, 0.2).trial.number == 3


def test_a_front_is_what_no_trial_beats_in_both():
    points = [(0.5, 20.0), (0.4, 10.0), (0.4, 12.0), (0.5, 20.0), (0.3, 30.0)]
    trials = [trial(n, miou, {}, time) for n, (miou, time) in enumerate(points)]
    assert [one.number for one in front(trials)] == [0, 3, 1]
    alone = [replace(one, latency_ms=None) for one in trials]
    assert [one.number for one in front(alone)] == [0, 3]
    pruned = replace(trials[0], state="pruned", miou=0.9)
    assert best_by_miou([pruned, *trials[1:]], 1) == (trials[3],)


@pytest.fixture
def concluded(tmp_path):
    cells = cells_in(tmp_path)
    trials = tried(cells, [0.3, 0.5, 0.4, 0.2, 0.35])
    for one in trials[:2]:
        more_seeds(cells, one, one.miou)
    return conclude(cells, trials)


def test_the_winner_is_a_method_file_named_as_it_is(concluded):
    method = concluded.winner.method
    path = concluded.folder / "methods" / f"{method.name}.toml"
    assert load(path, MethodConfig) == method
    comment = path.read_text().splitlines()[:2]
    assert comment[0] == "# Winner of small_search on small: trial 1, mean mIoU 50.00 %"
    assert "(seeds 1999, 2000)" in comment[1] and concluded.folder.name in comment[1]


def test_winner_and_base_are_a_table_that_reproduce_plans(concluded):
    experiment = load_experiment(concluded.folder / EXPERIMENT)
    names = ["hcf_res", concluded.winner.method.name]
    assert [row.name for row in experiment.rows] == names
    setting = concluded.folder / "settings" / "small.toml"
    plan = plan_of(Asked(concluded.folder / EXPERIMENT, str(setting)), concluded.cells.workspace)
    searched = {cell.key for one in concluded.candidates for cell in one.cells}
    assert {cell.key for cell in plan.cells} == searched
    assert {cell.state for cell in plan.cells} == {"partial"}  # trained, not evaluated


def test_the_command_that_compares_asks_for_no_further_trial(concluded):
    cells = concluded.cells
    asked = f"hcfres tune {cells.search.source} --compare"
    assert comparison_command(concluded) == f"{asked} --trials 5"
    as_many = replace(concluded, trials=concluded.trials[:4])
    assert comparison_command(as_many) == asked
    other = cells.setting.model_copy(update={"name": "other"})
    elsewhere = replace(as_many, cells=replace(cells, setting=other, accept_code=True))
    place = elsewhere.folder / "settings" / "other.toml"
    assert comparison_command(elsewhere) == f"{asked} --setting {place} --accept-code"


def test_where_the_base_wins_there_is_nothing_to_compare(tmp_path):
    cells = cells_in(tmp_path)
    trials = tried(cells, [0.5, 0.4])
    more_seeds(cells, trials[0], 0.5)
    found = conclude(cells, trials)
    assert found.winner.method is cells.search.space.base
    assert not (found.folder / EXPERIMENT).exists()
    assert "Nothing beat the base" in (found.folder / REPORT).read_text()


def test_the_report_tells_every_trial_the_candidates_and_the_command(concluded):
    told = (concluded.folder / REPORT).read_text()
    assert "| 1 | `fusion.gate = channel` | 50.00 | 50.00 | 50.00 |" in told
    assert "Winner, by the highest mean: trial 1, `fusion.gate = channel`." in told
    assert comparison_command(concluded) in told
    assert told.count("| sampler | done |") == 5
    for name in ("history", "slices", "importances"):
        picture = concluded.folder / "figures" / f"{name}.png"
        assert f"![{name}](figures/{name}.png)" in told
        assert picture.stat().st_size < 1_000_000
        assert Image.open(picture).size[0] > 400


def test_a_report_without_a_score_says_so(tmp_path):
    cells = cells_in(tmp_path)
    found = conclude(cells, (trial(0, None, {}, state="failed"),))
    told = (found.folder / REPORT).read_text()
    assert found.winner is None
    assert "No trial has a score yet." in told
    assert "No winner yet" in told


def test_what_decides_the_score_has_all_the_importance(tmp_path):
    space = cells_in(tmp_path).search.space
    worth = {"attention": 0.5, "add": 0.3, "mean": 0.1}
    trials = [
        trial(number, worth[values["fusion.within_2d"]], values)
        for number, values in enumerate(space.points())
    ]
    found = importances(space, trials)
    assert found.keys() == {knob.path for knob in space.knobs}
    assert found["fusion.within_2d"] > 0.9
    assert sum(found.values()) == pytest.approx(1.0)
    assert importances(space, trials[:3]) == {}
    assert importances(space, [replace(one, miou=0.5) for one in trials]) == {}
