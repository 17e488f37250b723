"""Predictions of other systems into a predictions.parquet of ours."""

from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from flows.datasets import data_key, dataset_folder
from flows.evaluate import recompute
from flows.places import setting_file
from hcfres.config.loading import ConfigError
from hcfres.config.names import require_name
from hcfres.config.problems import shorten
from hcfres.config.setting_file import load_setting
from hcfres.data.dataset import SPLITS, Dataset, Split
from hcfres.data.expression import Expression
from hcfres.evaluation.answers import SceneTruth, scene_truth
from hcfres.evaluation.evaluate import rules_of
from hcfres.evaluation.imported import convert
from hcfres.evaluation.imported.answers import Asked
from hcfres.evaluation.passport import GIVEN_NAMES, NOT_SAID, Given
from hcfres.evaluation.predictions import PredictionSource
from hcfres.store.workspace import Workspace


@dataclass(frozen=True)
class Foreign:
    """What the command line asks for."""

    path: Path
    form: str
    setting: str
    name: str
    split: str = "val"
    given: str | None = None
    """Names of `Given` with commas, `nothing`, or None where nobody said."""
    out: Path | None = None


def import_predictions(asked: Foreign, console: Console) -> Path:
    """Write the predictions of another system as ours are written, and score them.

    Returns:
        The predictions.parquet: `imported/<name>/` of the workspace unless said otherwise.

    Raises:
        ConfigError: an option is none of what it may be.
        DataError: the dataset is not here, or the predictions do not fit it.
    """
    setting = load_setting(setting_file(asked.setting))
    form, split, given = _form(asked.form), _split(asked.split), parsed_given(asked.given)
    name = _name(asked.name)
    workspace = Workspace()
    dataset = Dataset(dataset_folder(setting, workspace))
    expressions = dataset.expressions(setting.data.expressions, split)
    opened = convert.FORMATS[form](asked.path, Asked(expressions))
    rules = rules_of(setting)
    source = PredictionSource(
        dataset=setting.data.expressions,
        dataset_version=data_key(setting),
        dataset_hash=dataset.expressions_hash(setting.data.expressions, split),
        split=split,
        rule=rules.rule,
        min_points=rules.min_points,
        cell_key=asked.name,
        expressions=len(expressions),
        holds=opened.holds,
        given=given,
    )
    target = asked.out or workspace.root / "imported" / name / "predictions.parquet"
    whole = convert.Split(expressions, lambda scene_id, some: _truth(dataset, scene_id, some))
    count = convert.import_predictions(asked.path, opened, whole, source, target)
    console.print(f"{count} expressions of {asked.name} are in {target}", soft_wrap=True)
    recompute(str(target), console)
    return target


def parsed_given(text: str | None) -> Given:
    """What a system was given, from `frames,llm`; all that is not named was not given.

    Raises:
        ConfigError: a name that is none.
    """
    if text is None:
        return NOT_SAID
    names = {part.strip() for part in text.split(",")} - {"nothing", ""}
    if unknown := names - set(GIVEN_NAMES):
        known = ", ".join((*GIVEN_NAMES, "nothing"))
        raise ConfigError(f"--given: {', '.join(sorted(unknown))} is none of {known}")
    return Given(**{name: name in names for name in GIVEN_NAMES})


def _form(text: str) -> convert.ForeignFormat:
    for known in convert.FORMATS:
        if known == text:
            return known
    raise ConfigError(f"--format: {text!r} is none of {', '.join(convert.FORMATS)}")


def _split(text: str) -> Split:
    for known in SPLITS:
        if known == text:
            return known
    raise ConfigError(f"--split: {text!r} is none of {', '.join(SPLITS)}")


def _name(text: str) -> str:
    try:
        return require_name(text)
    except ValueError as error:
        raise ConfigError(f"--name: {shorten(text)!r}: {error}") from None


def _truth(dataset: Dataset, scene_id: str, expressions: tuple[Expression, ...]) -> SceneTruth:
    """A scan as one superpoint: masks of others know none."""
    scene = dataset.scene(scene_id)
    alignment = dataset.scan_info(scene_id).axis_alignment
    return scene_truth(scene, 0 * scene.instances, expressions, alignment)
