"""Frames to SAM masks, CLIP tokens and superpoint features; sentences to token features."""

from prefect import flow

from flows.scenes import Work, sentences_of_scenes, stage_of_scenes, waiting_threads
from flows.session import Session
from flows.stage_failures import SceneFailure, StageError
from hcfres.config.method import MethodConfig
from hcfres.config.setting import SettingConfig

_DENSE = ("tokens", "dense_operator", "dense")
_INSTANCE = ("masks", "instances", "instance_operator", "instance")


@flow(
    name="describe",
    validate_parameters=False,
    task_runner=waiting_threads(),
)
def describe(
    setting: SettingConfig,
    method: MethodConfig,
    session: Session,
    left_out: frozenset[str] = frozenset(),
) -> None:
    """Run every stage of Sec. III-C that the method needs, one task a stage and scene.

    Args:
        left_out: scenes that lack what the stages read.

    Raises:
        StageError: stages failed for some scenes, which the stages after them left out.
    """
    work = Work(setting, method, session, left_out)
    failed: tuple[SceneFailure, ...] = ()
    for stage in stages_of(method):
        failed += stage_of_scenes(stage, work.without(failed))
    failed += sentences_of_scenes(work)
    if failed:
        raise StageError(failed)


def stages_of(method: MethodConfig) -> tuple[str, ...]:
    """Name the stages after superpoints that a method's inputs need, in order."""
    granularities = method.semantics.granularities if method.semantics else ()
    return (_DENSE if "pixel" in granularities else ()) + (
        _INSTANCE if "instance" in granularities else ()
    )


def neediest(methods: tuple[MethodConfig, ...]) -> tuple[MethodConfig, ...]:
    """Leave out methods whose stages another one's include, so that nothing is asked for twice."""
    kept: list[MethodConfig] = []
    for method in sorted(methods, key=lambda m: -len(stages_of(m))):
        if not any(covers(other, method) for other in kept):
            kept.append(method)
    return tuple(kept)


def covers(more: MethodConfig, less: MethodConfig) -> bool:
    """Whether the stages of one method include those of another."""
    if less.semantics is None or more.semantics is None:
        return less.semantics is None
    same = more.semantics.model_copy(update={"granularities": less.semantics.granularities})
    return same == less.semantics and more.legacy == less.legacy
