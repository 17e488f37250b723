"""Scans to scenes with superpoints."""

from prefect import flow
from prefect.task_runners import ThreadPoolTaskRunner

from flows.scenes import THREADS, Work, stage_of_scenes
from flows.session import Session
from hcfres.config.method import MethodConfig
from hcfres.config.setting import SettingConfig


@flow(
    name="prepare",
    validate_parameters=False,
    task_runner=ThreadPoolTaskRunner(max_workers=THREADS),
)
def prepare(setting: SettingConfig, method: MethodConfig, session: Session) -> None:
    """Cut every scene of the setting into superpoints, one task a scene."""
    stage_of_scenes("superpoints", Work(setting, method, session))
