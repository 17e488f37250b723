"""What a search asks for next, with cells that are written instead of trained."""

from dataclasses import replace

import optuna
import pytest

from flows.cells.finished import DONE
from flows.planning.plan import PlanError
from flows.search.records import CELL, REPEATS
from flows.search.storage import JOURNAL, known_trials, mend_journal, study_storage
from flows.search.study import Outcome
from flows.search.trials import Trial, asked_for, best_by_miou, ended, failed, front, fruitless
from hcfres.config.loading import ConfigError
from tests.flows.fabricated import finish
from tests.flows.searches import EPOCHS, SMALL, cells_in, learn, opened, play

pytestmark = pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
TPE = SMALL.replace('{ kind = "random" }', '{ kind = "tpe", startup_trials = 2 }')
GRID = SMALL.replace('"random"', '"grid"')
MEDIAN = SMALL.replace(
    "confirm ", 'pruner     = { kind = "median", startup_trials = 1, warmup_epochs = 5 }\nconfirm '
)
HYPERBAND = SMALL.replace(
    "confirm ", 'pruner = { kind = "hyperband", min_epochs = 5, reduction_factor = 2 }\nconfirm '
)
TIMED = SMALL.replace('["held_out_miou"]', '["held_out_miou", "latency_ms"]').replace(
    "seeds = [2000]", "seeds = [2000], within = 0.01"
)


@pytest.fixture
def search(tmp_path):
    """A search in a fresh workspace, from its text."""
    counted = iter(range(100))

    def make(text=SMALL, **told):
        return cells_in(tmp_path / str(next(counted)), text, **told)

    return make


def told(study):
    return [(t.state, t.values, t.key, t.miou, t.repeats) for t in study.trials]


def test_the_base_is_first_and_as_many_different_cells_are_asked_for_as_were_wanted(search):
    study = opened(search(), wanted=5)
    trained = play(study)
    assert len(trained) == len(set(trained)) == 5 == len(asked_for(study.trials))
    first = study.trials[0]
    assert (first.origin, first.values) == ("base", first.values | {"fusion.gate": "scalar"})
    assert study.cells.search.space.method(first.values) is study.cells.search.space.base
    assert not study.exhausted


@pytest.mark.parametrize("text", [SMALL, TPE, MEDIAN, HYPERBAND])
def test_what_is_asked_for_follows_from_the_seed(search, text):
    one, other = opened(search(text), wanted=5), opened(search(text), wanted=5)
    assert play(one) == play(other)
    assert told(one) == told(other)
    reseeded = opened(search(text.replace("seed       = 0", "seed       = 1")), wanted=5)
    assert play(reseeded) != [trial.key for trial in ended(one.trials)]


@pytest.mark.parametrize("text", [TPE, MEDIAN])
def test_a_search_that_was_cut_off_goes_on_as_it_would_have(search, text):
    whole, cut = opened(search(text), wanted=5), search(text)
    trained = play(whole)
    again = []
    for _ in range(5):
        study = opened(cut, wanted=5)
        again += play(study, most=1)
        study.next()  # it runs when the launcher is killed
    assert again == trained
    scores = [(trial.key, trial.miou) for trial in ended(study.trials)]
    assert scores == [(trial.key, trial.miou) for trial in ended(whole.trials)]


def test_more_may_be_wanted_later(search):
    cells = search()
    first = play(opened(cells, wanted=3))
    study = opened(cells, wanted=6)
    assert len({*first, *play(study)}) == 6 == len(asked_for(study.trials))
    assert not opened(cells, wanted=6).has_work()


def test_a_repeated_suggestion_is_told_what_is_known_and_does_not_count(search):
    study = opened(search(), wanted=9)
    play(study)
    repeats = [trial for trial in study.trials if trial.repeats is not None]
    assert repeats
    by_number = {trial.number: trial for trial in study.trials}
    for trial in repeats:
        first = by_number[trial.repeats]
        assert (trial.key, trial.miou, trial.state) == (first.key, first.miou, "done")
        assert first.repeats is None
    assert len(ended(study.trials)) == 9


def test_a_space_with_nothing_left_ends_the_search(search):
    study = opened(search(), wanted=20)
    assert len(play(study)) == 9
    assert study.exhausted
    assert {trial.origin for trial in study.trials} == {"base", "sampler", "drawn"}


def test_a_grid_goes_through_every_point_in_order(search):
    study = opened(search(GRID), wanted=20)
    play(study)
    assert [trial.values for trial in study.trials] == list(study.cells.search.space.points())
    assert study.exhausted


def test_a_trial_equal_to_a_trained_cell_is_free_and_counts(search):
    cells = search(GRID)
    points = list(cells.search.space.points())
    study = opened(cells, wanted=3)
    learn(cells.planned(points[1], "somebody's"), 0.75)
    assert len(play(study)) == 2
    assert [trial.miou for trial in study.trials][1] == 0.75
    assert study.trials[1].origin == "drawn"


def test_cells_that_were_there_before_are_trials_that_do_not_count(search):
    cells = search()
    points = list(cells.search.space.points())
    for place, point in ((3, points[3]), (5, points[5])):
        learn(cells.planned(point, "somebody's"), place / 10)
    other_seed = cells.planned(points[7], "another seed", seed=5)
    learn(other_seed, 0.9)
    study = opened(cells, wanted=4)
    found = [trial for trial in study.trials if trial.origin == "found"]
    assert sorted(trial.miou for trial in found) == [0.3, 0.5]
    trained = play(study)
    assert len(trained) == 4 == len(asked_for(study.trials))
    assert not {trial.key for trial in found} & set(trained)
    before = told(study)
    assert told(opened(cells, wanted=4)) == before


def test_a_deleted_study_finds_its_trials_again_as_cells(search):
    cells = search()
    trained = play(opened(cells, wanted=4))
    (cells.folder / JOURNAL).unlink()
    study = opened(cells, wanted=1)
    assert play(study) == []
    assert {trial.key for trial in ended(study.trials)} == set(trained)


def test_cells_of_other_code_are_taken_only_where_it_is_accepted(search, tmp_path):
    cells = search(GRID)
    points = list(cells.search.space.points())
    for point in points[:3]:
        learn(cells.planned(point, "somebody's"), 0.5, code="last week's")
    assert [trial.origin for trial in opened(cells).trials] == ["base"]
    study = opened(replace(cells, accept_code=True), wanted=2)
    assert [trial.origin for trial in study.trials] == ["base", "found", "found"]
    assert play(study) == [cells.planned(points[3], "").key]


def test_a_finished_cell_of_a_table_is_a_trial_too(search):
    cells = search()
    base = cells.search.space.walk(lambda knob: knob.base)
    learn(cells.planned(base, "base"), 0.5)
    finish(cells.planned(base, "base"), {"val/all/miou": 0.9})
    study = opened(cells, wanted=1)
    assert play(study) == []
    assert [trial.miou for trial in ended(study.trials)] == [0.5]


def test_a_cell_that_a_table_finished_under_other_code_is_trained_anew_and_counts(search):
    cells = search()
    base = cells.search.space.walk(lambda knob: knob.base)
    learn(cells.planned(base, "base"), 0.5, code="last week's")
    finish(cells.planned(base, "base"), {"val/all/miou": 0.9}, code="last week's")
    study = opened(cells, wanted=1)
    asked = study.next()
    (asked.planned.folder / DONE).unlink()
    learn(asked.planned, 0.6)
    study.tell(asked, Outcome("done"))
    assert [(trial.state, trial.miou) for trial in study.trials] == [("done", 0.6)]


def prune(study, asked, score):
    """Train to the fifth epoch and on only if the pruner lets it; the outcome."""
    learn(asked.planned, score, epochs=5)
    if asked.should_stop():
        return Outcome("pruned")
    learn(asked.planned, score)
    return Outcome("done")


def test_a_trial_below_the_median_is_pruned_and_stays_so(search):
    cells = search(MEDIAN)
    study = opened(cells, wanted=9)
    scores = iter([0.5, 0.4, 0.6, 0.1, 0.7, 0.55, 0.2, 0.8, 0.9])
    while (asked := study.next()) is not None:
        study.tell(asked, prune(study, asked, next(scores)))
    states = [(t.state, t.miou) for t in study.trials if t.repeats is None]
    assert states[:4] == [("done", 0.5), ("pruned", 0.4), ("done", 0.6), ("pruned", 0.1)]
    again = [t for t in study.trials if t.repeats is not None]
    by_number = {trial.number: trial for trial in study.trials}
    assert all(t.state == by_number[t.repeats].state for t in again)
    assert not opened(cells, wanted=9).has_work()


def test_the_base_is_never_pruned(search):
    study = opened(search(MEDIAN), wanted=1)
    points = list(study.cells.search.space.points())
    for point in points[2:5]:
        learn(study.cells.planned(point, "better"), 0.9)
    study.begin()
    asked = study.next()
    assert prune(study, asked, 0.1) == Outcome("done")


def test_a_failed_trial_costs_itself_and_is_tried_again_when_asked_again(search):
    cells = search()
    study = opened(cells, wanted=9)
    failed = study.next()
    study.tell(failed, Outcome("failed", "out of memory"))
    assert failed.planned.key not in play(study)
    (first,) = [t for t in study.trials if t.state == "failed" and t.key == failed.planned.key][:1]
    assert first.reason == "out of memory"
    study = opened(cells, wanted=9)
    assert play(study) == [failed.planned.key]
    assert len(ended(study.trials)) == 9


def test_a_worker_that_leaves_no_score_fails_its_trial(search):
    study = opened(search(), wanted=1)
    study.tell(study.next(), Outcome("done"))
    assert study.trials[0].state == "failed"
    assert "no held-out score" in study.trials[0].reason


def test_values_that_do_not_go_together_end_their_trial_and_are_not_asked_for_twice(search):
    text = SMALL.split("[space]")[0] + (
        '[space]\nsemantics.granularities = { choices = [["pixel", "instance"], ["instance"], '
        '["pixel"]] }\n'
    )
    study = opened(search(text), wanted=3)
    assert len(play(study)) == 2
    impossible = [trial for trial in study.trials if trial.key is None]
    assert impossible
    assert {trial.state for trial in impossible} == {"pruned"}
    assert 'granularities is ["pixel"]' in impossible[0].reason
    assert study.exhausted


def test_two_objectives_are_known_only_once_the_time_was_measured(search):
    cells = search(TIMED)
    points = list(cells.search.space.points())
    learn(cells.planned(points[0], "base"), 0.5)
    study = opened(cells, wanted=3)
    asked = study.next()
    assert asked.values == points[0]
    learn(asked.planned, 0.5, latency_ms=20.0)
    study.tell(asked, Outcome("done"))
    for miou, latency_ms in ((0.4, 10.0), (0.45, 30.0)):
        asked = study.next()
        assert not asked.should_stop()
        learn(asked.planned, miou, latency_ms=latency_ms)
        study.tell(asked, Outcome("done"))
    assert study.next() is None
    assert [(t.miou, t.latency_ms) for t in ended(study.trials)] == [
        (0.5, 20.0),
        (0.4, 10.0),
        (0.45, 30.0),
    ]
    assert [trial.miou for trial in front(study.trials)] == [0.5, 0.4]
    assert [trial.miou for trial in best_by_miou(study.trials, 2)] == [0.5, 0.45]


def test_a_latency_of_another_kind_of_device_is_measured_again(search):
    cells = search(TIMED)
    points = list(cells.search.space.points())
    for point, device in ((points[0], "cuda:0"), (points[1], "cpu"), (points[2], "cuda:0")):
        learn(cells.planned(point, ""), 0.5, latency_ms=5.0, device=device)
    study = opened(cells, wanted=1)
    assert [trial.latency_ms for trial in ended(study.trials)] == [5.0]
    assert {study.next().planned.key for _ in range(2)} == {
        cells.planned(points[place], "").key for place in (0, 2)
    }


def test_a_study_of_times_is_of_one_hardware_and_measures_again_what_another_took(search):
    cells = search(TIMED, hardware="one")
    points = list(cells.search.space.points())
    for place, hardware in enumerate(("another", "one", None)):
        learn(cells.planned(points[place], ""), 0.5, latency_ms=5.0, hardware=hardware)
    study = opened(cells, wanted=1)
    assert [trial.latency_ms for trial in ended(study.trials)] == [5.0]
    assert {study.next().planned.key for _ in range(2)} == {
        cells.planned(points[place], "").key for place in (0, 2)
    }
    assert search(TIMED, hardware="another").identity != cells.identity
    assert search(hardware="another").identity == search().identity


def test_a_cell_that_was_timed_on_another_kind_than_expected_fails_its_trial(search):
    study = opened(search(TIMED), wanted=1)
    asked = study.next()
    learn(asked.planned, 0.5, latency_ms=5.0, device="cuda:0")
    study.tell(asked, Outcome("done"))
    assert study.trials[0].state == "failed"
    assert "timed on another kind of device than the cpu" in study.trials[0].reason


def test_trials_are_read_without_beginning_a_study(search):
    cells = search()
    assert known_trials(cells, None) == ()
    assert not cells.workspace.root.exists()
    study = opened(cells, wanted=2)
    play(study)
    assert known_trials(cells, None) == study.trials


def test_other_values_samplers_settings_or_code_are_other_studies_and_longer_ones_are_not(search):
    one = search().identity
    for old, new in (
        ('"mean"]', '"cross_attention"]'),
        ('"random"', '"grid"'),
        ("seed       = 0", "seed       = 1"),
        ("cell_seed  = 1999", "cell_seed  = 1998"),
    ):
        assert search(SMALL.replace(old, new)).identity != one
    assert search(code="edited").identity != one
    assert search(devices=("cuda:0",)).identity == one
    assert search(TIMED, devices=("cuda:0",)).identity != search(TIMED).identity
    longer = SMALL.replace("trials     = 4", "trials     = 40").replace("best = 1", "best = 2")
    assert search(longer.replace("A search", "Another title")).identity == one


def test_a_journal_whose_writer_was_killed_is_whole_again(search):
    cells = search()
    play(opened(cells, wanted=3))
    journal = cells.folder / JOURNAL
    whole = journal.read_bytes()
    with journal.open("ab") as file:
        file.write(b'{"op_code":4,"work')
    lock = journal.with_name(f"{journal.name}.lock")
    lock.symlink_to(journal)
    mend_journal(journal)
    assert journal.read_bytes() == whole
    assert not lock.is_symlink()
    assert len(play(opened(cells, wanted=5))) == 2


def test_the_journal_is_one_launchers_at_a_time(search):
    cells = search()
    with (
        study_storage(cells, None),
        pytest.raises(PlanError, match=r"another launcher .* --storage postgresql\+psycopg2"),
        study_storage(cells, None),
    ):
        pass
    with study_storage(cells, None):
        pass


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("http://127.0.0.1:5000", "trials are kept in a PostgreSQL database"),
        ("postgresql://me:secret@127.0.0.1/trials", "the driver is missing"),
        ("postgresql+psycopg2://me:secret@127.0.0.1:1/trials", "nobody answers there"),
        ("sqlite:///trials.db", "this is no place"),
    ],
)
def test_an_address_that_holds_no_trials_is_refused_without_its_password(search, address, told):
    with pytest.raises(ConfigError, match=told) as refused:
        known_trials(search(), address)
    assert "--storage" in str(refused.value)
    assert "secret" not in str(refused.value)


def test_a_training_that_is_pruned_is_not_asked_past_its_end(search):
    study = opened(search(MEDIAN), wanted=2)
    play(study, most=1)
    asked = study.next()
    learn(asked.planned, 0.0, epochs=EPOCHS)
    assert not asked.should_stop()


def test_of_a_cell_that_failed_the_trial_that_asked_for_it_is_told_until_one_saw_it_through():
    def made(number, state, key="a", repeats=None):
        return Trial(number, state, {}, key, None, None, "sampler", repeats, "")

    first, repeated = made(0, "failed"), made(1, "failed", repeats=0)
    assert failed([first, repeated, made(2, "failed", key=None)]) == (first,)
    assert failed([first, made(1, "failed")]) == (made(1, "failed"),)
    assert failed([first, made(1, "waiting")]) == ()
    assert failed([first, made(1, "done")]) == ()


@pytest.mark.parametrize(
    ("trials", "count"),
    [
        ([], 0),
        ([("done", "a", None)], 0),
        ([("done", "a", None), ("done", "a", 0), ("pruned", None, None)], 2),
        ([("running", "a", None), ("failed", "a", 0)], 1),
        ([("done", "a", 0), ("failed", "b", None), ("failed", None, None)], 1),
        ([("done", "a", 0), ("waiting", "b", None)], 1),
        ([("done", "a", 0), ("done", "b", None)], 0),
    ],
)
def test_suggestions_that_brought_no_new_cell_are_counted_from_the_study_alone(trials, count):
    made = [
        Trial(number, state, {}, key, None, None, "sampler", repeats, "")
        for number, (state, key, repeats) in enumerate(trials)
    ]
    assert fruitless(made) == count


def test_a_trial_that_was_known_to_repeat_another_when_its_launcher_died_ends_as_that_one(search):
    cells = search()
    play(opened(cells), most=1)
    with study_storage(cells, None) as storage:
        study = optuna.load_study(study_name=cells.identity, storage=storage)
        first = study.trials[0]
        study.enqueue_trial(first.params)
        dying = study.ask(first.distributions)
        dying.set_user_attr(CELL, first.user_attrs[CELL])
        dying.set_user_attr(REPEATS, 0)
    again = opened(cells).trials[1]
    assert (again.state, again.repeats, again.miou) == ("done", 0, first.value)
