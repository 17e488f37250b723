"""A database of trials that several launchers share, and that may go away for a while."""

from collections.abc import Callable
from typing import Any

import sqlalchemy
from optuna.exceptions import StorageInternalError
from optuna.storages import RDBStorage
from optuna.storages import RetryHeartbeatStaleTrialCallback as Retry
from optuna.storages._rdb.models import StudyModel, TrialHeartbeatModel, TrialModel
from optuna.trial import TrialState
from sqlalchemy.orm import Session

from flows.tracking.alone import alone_at
from flows.tracking.outages import PATIENCE_S, StorePatience, is_away
from flows.tracking.store import TrackingStore, shown_address
from hcfres.store.errors import StoreError

_RETRIES = 3
_WAITING = (
    "create_new_study",
    "get_study_id_from_name",
    "get_study_name_from_id",
    "get_study_directions",
    "get_study_user_attrs",
    "get_study_system_attrs",
    "get_all_studies",
    "_create_new_trial",
    "_set_trial_param",
    "set_trial_state_values",
    "set_trial_intermediate_value",
    "set_trial_user_attr",
    "set_trial_system_attr",
    "get_trial_id_from_study_id_trial_number",
    "get_trial",
    "_get_trials",
    "_get_best_trial_id",
)
"""What Optuna asks of its database, but for signs of life."""


def trials_patience(
    store: TrackingStore,
    seconds: float = PATIENCE_S,
    tell: Callable[[str], None] | None = None,
) -> StorePatience:
    """Wait for the trials' database as the tracking store is waited for (decision 165).

    Args:
        store: that the trials are in.
        seconds: how long it may be away.
        tell: takes each line that is said; by default it goes to standard error.
    """
    return StorePatience(
        store,
        seconds,
        tell,
        called="the trials' database",
        way_out="What was trained lies in the workspace. Run the same command again when the "
        "database is back: what was running is tried again, from its last checkpoint",
    )


class PatientStorage(RDBStorage):
    """Optuna's, whose calls wait for a database that is away.

    A call whose answer was lost is made twice. That does no harm, but that it may leave a trial
    running which nobody sees to: as that of a launcher which died at once, it is given up.
    """

    def __init__(self, address: str, patience: StorePatience, heartbeat_s: int) -> None:
        """Open a database that answers, and make Optuna's tables where they are not there.

        Args:
            address: of the database.
            patience: with it.
            heartbeat_s: seconds between two signs of life of a trial; after three without one it
                is given up.

        Raises:
            StoreError: its tables are of another version of Optuna.
        """
        self._patience = patience
        try:
            with alone_at(address, b"hctr"):
                super().__init__(
                    address,
                    engine_kwargs={"pool_pre_ping": True},  # else each old connection fails once
                    heartbeat_interval=heartbeat_s,
                    grace_period=3 * heartbeat_s,
                    heartbeat_stale_trial_callback=Retry(max_retry=_RETRIES),
                )
        except RuntimeError as error:
            raise _other_version(address, error) from error

    def record_heartbeat(self, trial_id: int) -> None:
        """Give a sign of life; where the database is away the next one has to do."""
        try:
            super().record_heartbeat(trial_id)
        except StorageInternalError as error:
            if not is_away(error):
                raise

    def _get_stale_trial_ids(self, study_id: int) -> list[int]:
        """As Optuna; a trial that never gave a sign of life gets its first, and so has a last."""

        def look() -> list[int]:
            for trial_id in self._silent_from_the_start(study_id):
                self.record_heartbeat(trial_id)
            return super(PatientStorage, self)._get_stale_trial_ids(study_id)

        return self._patience.see_through(look)

    def _silent_from_the_start(self, study_id: int) -> list[int]:
        beating = Session(self.engine).query(TrialHeartbeatModel.trial_id)
        with Session(self.engine) as session:
            running = session.query(TrialModel.trial_id).filter(
                TrialModel.study_id == study_id, TrialModel.state == TrialState.RUNNING
            )
            silent = running.filter(TrialModel.trial_id.not_in(beating.scalar_subquery()))
            return [trial_id for (trial_id,) in silent]


def has_tables(address: str) -> bool:
    """Whether a database that answers has Optuna's tables; none is made."""
    engine = sqlalchemy.create_engine(address, poolclass=sqlalchemy.NullPool)
    return sqlalchemy.inspect(engine).has_table(StudyModel.__tablename__)


def _other_version(address: str, error: RuntimeError) -> StoreError:
    return StoreError(
        f"the tables of the trials' database {shown_address(address)} are of another version of "
        f"Optuna than is installed here ({str(error).partition('. ')[0]}). Install what "
        "infra/constraints.txt names; or, after a back-up and with no launcher at work, bring the "
        "tables up to date: optuna storage upgrade --storage ADDRESS"
    )


def _patient(name: str) -> Callable[..., Any]:
    """A method of Optuna's that waits."""
    method = getattr(RDBStorage, name)

    def asked(self: PatientStorage, *given: Any, **named: Any) -> Any:
        return self._patience.see_through(lambda: method(self, *given, **named))

    return asked


for _name in _WAITING:
    setattr(PatientStorage, _name, _patient(_name))
