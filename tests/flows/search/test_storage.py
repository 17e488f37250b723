"""A journal of trials that a full disk or a damaged file met."""

import resource

import pytest

from flows.search.storage import JOURNAL, known_trials, mend_journal
from flows.search.trials import ended
from hcfres.store.errors import StoreError
from tests.flows.searches import cells_in, opened, play

pytestmark = pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")


@pytest.fixture
def cells(tmp_path):
    """A search with three trials behind it."""
    cells = cells_in(tmp_path)
    play(opened(cells, wanted=3))
    return cells


def test_an_append_that_fails_half_way_leaves_nothing_and_later_ones_are_read(cells):
    journal = cells.folder / JOURNAL
    study = opened(cells, wanted=5)
    asked = study.next()
    whole, limits = journal.read_bytes(), resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(whole) + 40, limits[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            asked.trial.report(0.5, 5)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert journal.read_bytes() == whole
    asked.trial.report(0.5, 5)
    assert known_trials(cells, None) == study.trials
    assert len(play(opened(cells, wanted=5))) == 2


@pytest.mark.parametrize(
    "damage",
    [
        lambda lines: [*lines[:6], lines[6][:10] + b"\n", *lines[7:]],
        lambda lines: [*lines[:6], b"\xff\xfe" + lines[6], *lines[6:]],
        lambda lines: [*lines[:6], b"{}\n", *lines[6:]],
        lambda lines: [*lines[:6], b"[]\n", *lines[6:]],
    ],
)
def test_a_damaged_journal_is_one_error_and_its_way_out_finds_the_trials_again(cells, damage):
    journal = cells.folder / JOURNAL
    trained = {trial.key for trial in ended(known_trials(cells, None))}
    journal.write_bytes(b"".join(damage(journal.read_bytes().splitlines(keepends=True))))
    for reads in (lambda: known_trials(cells, None), lambda: opened(cells)):
        with pytest.raises(StoreError, match=r"trials\.journal is damaged, .* Put it aside"):
            reads()
    journal.rename(journal.with_suffix(".damaged"))
    study = opened(cells, wanted=1)
    assert play(study) == []
    assert {trial.key for trial in ended(study.trials)} == trained


@pytest.mark.parametrize("torn", [bytes(100), bytes(100) + b"\n", b'{"op_code":4,"work'])
def test_what_a_loss_of_power_left_at_a_journals_end_is_cut(cells, torn):
    journal = cells.folder / JOURNAL
    whole = journal.read_bytes()
    journal.write_bytes(whole + torn)
    mend_journal(journal)
    assert journal.read_bytes() == whole
