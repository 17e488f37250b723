"""Scans to scenes with superpoints."""

from prefect import flow

from flows.scenes import Work, stage_of_scenes, waiting_threads
from flows.session import Session
from flows.stage_failures import StageError
from hcfres.config.method import MethodConfig
from hcfres.config.setting import SettingConfig


@flow(
    name="prepare",
    validate_parameters=False,
    task_runner=waiting_threads(),
)
def prepare(setting: SettingConfig, method: MethodConfig, session: Session) -> None:
    """Cut every scene of the setting into superpoints, one task a scene.

    Raises:
        StageError: it failed for some scenes.
    """
    if failed := stage_of_scenes("superpoints", Work(setting, method, session)):
        raise StageError(failed)
