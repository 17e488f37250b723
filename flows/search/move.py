"""Searches' trials out of their journals into a database that several launchers share."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import optuna
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial, TrialState

from flows.search.storage import JOURNAL, own_journal, trials_database
from hcfres.store.errors import StoreError
from hcfres.store.workspace import Workspace


def journals(workspace: Workspace) -> tuple[Path, ...]:
    """Give the folders of the searches that have one."""
    return tuple(sorted(path.parent for path in workspace.studies.glob(f"*/{JOURNAL}")))


def move_studies(address: str, workspace: Workspace) -> tuple[int, int]:
    """Copy every journal's trials, or those that an earlier copy lacks, and read them back.

    A database in which launchers went on from a journal is left as it is. The journals stay as
    they are, but for trials whose launcher died: these are failed, as the next launcher would have
    it.

    Args:
        address: of a PostgreSQL database.
        workspace: whose searches they are.

    Returns:
        How many searches, and how many trials, are in the database.

    Raises:
        ConfigError: the address is no database's, or nobody answers there.
        PlanError: a launcher runs one of the searches.
        StoreError: the database has other trials of the same search.
    """
    database = trials_database(address, workspace)
    moved = [count for folder in journals(workspace) for count in _moved(folder, database)]
    return len(moved), sum(moved)


def _moved(folder: Path, database: BaseStorage) -> Iterator[int]:
    with own_journal(folder) as journal:
        for name in optuna.get_all_study_names(journal):
            old = optuna.load_study(study_name=name, storage=journal)
            for running in old.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
                old.tell(running.number, state=TrialState.FAIL)
            new = optuna.create_study(
                study_name=name,
                storage=database,
                directions=old.directions,
                load_if_exists=True,
            )
            ours, there = old.get_trials(deepcopy=False), new.get_trials(deepcopy=False)
            _require_same(folder, ours, there)
            for trial in ours[len(there) :]:
                new.add_trial(trial)
            there = new.get_trials(deepcopy=False)
            _require_same(folder, ours, there)
            yield len(there)


def _require_same(folder: Path, ours: Sequence[FrozenTrial], there: Sequence[FrozenTrial]) -> None:
    """Refuse a database that does not begin with what ended in the journal, as far as it goes."""
    both = zip(ours, there, strict=False)
    if any(one.state.is_finished() and _told(one) != _told(other) for one, other in both):
        raise StoreError(
            f"{folder}: the database has other trials of this search, from another journal "
            "or from launchers that share it. Go on with those (HCFRES_TRIALS), or use an "
            "empty database; the journal is as it was"
        )


def _told(trial: FrozenTrial) -> tuple[Any, ...]:
    """All that a study goes by."""
    return (
        trial.state,
        trial.params,
        trial.distributions,
        trial.values,
        trial.intermediate_values,
        trial.user_attrs,
    )
