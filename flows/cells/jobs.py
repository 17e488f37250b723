"""Training and evaluating one cell in a worker: what is read, what is written into its folder."""

import secrets
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, cast

from torch import nn

from flows.cells.results import (
    PREDICTIONS,
    Results,
    declare,
    is_last_epoch,
    kept_bests,
    named,
    named_best,
)
from flows.datasets import data_key, dataset_folder
from flows.workers.job_log import say
from hcfres.config.cell import CellConfig
from hcfres.config.loading import ConfigError
from hcfres.config.setting import Kept
from hcfres.data.batch import Batch
from hcfres.data.dataset import Dataset
from hcfres.evaluation.answers import SceneTruth, scene_truth
from hcfres.evaluation.cost.measure import PassTimes, warm_times
from hcfres.evaluation.cost.parameters import count_parameters
from hcfres.evaluation.cost.passes import Answerer, Question
from hcfres.evaluation.cost.times import Budget
from hcfres.evaluation.evaluate import evaluate_cell, evaluate_weights, held_out_miou, rules_of
from hcfres.evaluation.file_scores import score_file
from hcfres.evaluation.passport import given_of
from hcfres.evaluation.predictions import PredictionSource
from hcfres.language.roberta import load_text
from hcfres.model.network import HcfRes
from hcfres.pipeline.collate import collate
from hcfres.pipeline.scene import Preparation
from hcfres.pipeline.split import PreparedSplit
from hcfres.pipeline.versions import code_of_cells
from hcfres.store.files import write_atomic
from hcfres.store.workspace import Workspace
from hcfres.training.best import SCORES
from hcfres.training.cell import Place, Widths, make_network
from hcfres.training.cell import train as train_network
from hcfres.training.checkpoint import (
    WEIGHTS,
    CheckpointError,
    is_of,
    kept_journal,
    read_tensors,
)
from hcfres.training.journal import reports_in
from hcfres.training.loop import Check, Checks
from hcfres.training.order import split_spaces
from hcfres.training.team import ALONE, Team

Emit = Callable[[Any], None]

_TIMED_SCENES = 4
_TIMED = Budget(repeats=20, seconds=10.0)


@dataclass(frozen=True)
class Truths:
    """A prepared split as evaluation reads it: scenes, sentences and where the targets lie."""

    split: PreparedSplit

    @property
    def scene_ids(self) -> tuple[str, ...]:
        """Scans in order."""
        return self.split.scene_ids

    def truth(self, scene_id: str) -> SceneTruth:
        """The scan, its superpoints, its expressions and where their targets lie."""
        prepared = self.split.prepared(scene_id)
        expressions = self.split.expressions[scene_id]
        alignment = self.split.dataset.scan_info(scene_id).axis_alignment
        labels = prepared.superpoints.labels
        return scene_truth(prepared.scene, labels, expressions, alignment)

    def whole(self, scene_id: str) -> Batch:
        """The scene with all its vertices and expressions, without augmentation."""
        return self.split.whole(scene_id)


def train(
    emit: Emit, cell: CellConfig, key: str, preparation: Preparation, team: Team = ALONE
) -> None:
    """Train to the last epoch; held-out training spaces give the curve and the best epoch.

    Validation gives nothing, unless `training.keep` asks for the best epoch on it, by name.

    Args:
        team: of processes that do this at the same time; the first of them writes.

    Raises:
        ConfigError: the best epoch on held-out spaces is asked for, and there are none.
    """
    folder, keep = Workspace().cells / key, cell.setting.training.keep
    identity = f"{key}-{code_of_cells()}"
    if team.rank == 0:  # the others wait for it before they read
        begin(folder, identity, kept_bests(cell))
        write_atomic(folder / "cell.json", cell.model_dump_json(indent=1).encode())
    everything = _split(cell, "train", preparation)
    learnt, held_out = split_spaces(everything.scene_ids, cell.setting.data.held_out)
    _require_held_out(cell, held_out)
    checks = Checks(
        _check(cell, replace(everything, only=frozenset(held_out))) if held_out else None,
        _check(cell, _split(cell, "val", preparation)) if "best_validation" in keep else None,
    )
    machine = preparation.machine
    train_network(
        cell,
        replace(everything, only=frozenset(learnt)),
        Place(folder, machine.weights, machine.device, team),
        lambda report: emit(asdict(report)),
        checks,
        identity=identity,
    )


def _check(cell: CellConfig, split: PreparedSplit) -> Check:
    judges = Truths(split)

    def check(network: nn.Module) -> float:
        return held_out_miou(cast(HcfRes, network), judges, rules_of(cell.setting))

    return check


def _require_held_out(cell: CellConfig, held_out: tuple[str, ...]) -> None:
    if "best_held_out" in cell.setting.training.keep and not held_out:
        raise ConfigError(
            f'setting {cell.setting.name}: training.keep names "best_held_out", but there is one '
            "training space alone, and it is learnt from. Leave the name out, or add scans"
        )


def begin(folder: Path, identity: str, bests: Sequence[Kept]) -> None:
    """Declare a cell not done, and drop a training in its folder that is not gone on with.

    That is one of another identity, or one whose checkpoint or best weights are damaged or missing:
    the checkpoint is then put aside (decision 178).

    Args:
        folder: of the cell.
        identity: of what is to be trained.
        bests: weights that it keeps beside the last epoch's, there as soon as an epoch has a score
            of their kind.
    """
    state = folder / "checkpoint"
    if not (state.exists() and _goes_on(folder, identity, bests)):
        shutil.rmtree(state, ignore_errors=True)
        (folder / "metrics.jsonl").unlink(missing_ok=True)
        for kind in SCORES:
            shutil.rmtree(folder / kind, ignore_errors=True)
    (folder / "DONE.json").unlink(missing_ok=True)


def _goes_on(folder: Path, identity: str, bests: Sequence[Kept]) -> bool:
    state = folder / "checkpoint"
    try:
        if not is_of(state, identity):
            return False
        reports = tuple(reports_in(state, kept_journal(state).encode()))
        for kind in bests:
            scored = any(getattr(report, SCORES[kind]) is not None for report in reports)
            if scored or (folder / kind / WEIGHTS).exists():
                read_tensors(folder / kind / WEIGHTS)
        return True
    except CheckpointError as error:
        aside = state.with_name(f"{state.name}.damaged-{secrets.token_hex(4)}")
        state.rename(aside)
        say(f"{error}: the checkpoint is put aside as {aside.name}, and the training begins anew")
        return False


def evaluate(emit: Emit, cell: CellConfig, key: str, preparation: Preparation) -> None:
    """Answer validation once with each weights kept, measure the cost, declare the cell done."""
    folder = Workspace().cells / key
    began = time.perf_counter()
    validation = _split(cell, "val", preparation)
    network = trained_network(cell, folder, preparation)
    source = PredictionSource(
        dataset=cell.setting.data.expressions,
        dataset_version=data_key(cell.setting),
        dataset_hash=validation.dataset.expressions_hash(cell.setting.data.expressions, "val"),
        split="val",
        rule=rules_of(cell.setting).rule,
        min_points=cell.setting.min_points,
        cell_key=key,
        expressions=validation.asked,
        given=given_of(cell.method),
    )

    def progress(_done: int, _of: int, scene: str) -> None:
        emit(scene)

    scores = evaluate_cell(
        network, Truths(validation), source, folder / PREDICTIONS, progress, seed=cell.seed
    )
    metrics = named(scores.flat()) | _cost(network, validation, cell, preparation)
    metrics |= score_file(folder / PREDICTIONS).box_scores()
    for kind in kept_bests(cell):
        if is_last_epoch(cell, folder / kind):
            shutil.copyfile(folder / PREDICTIONS, folder / kind / PREDICTIONS)
            flat = scores.metrics.flat()
        else:
            network = trained_network(cell, folder / kind, preparation)
            path = folder / kind / PREDICTIONS
            flat = evaluate_weights(network, Truths(validation), source, path, progress).flat()
        metrics |= named_best(kind, folder / kind, flat)
    declare(cell, key, folder, Results(metrics, source.passports), time.perf_counter() - began)


def trained_network(cell: CellConfig, folder: Path, preparation: Preparation) -> HcfRes:
    """Build a cell's network with the weights in `folder`, on the worker's device."""
    state, about = read_tensors(folder / WEIGHTS)
    widths = Widths(*(int(about[name]) for name in ("dense", "text", "instance")))
    network = make_network(cell, widths, preparation.machine.weights)
    network.load_state_dict(state)
    return network.to(preparation.machine.device)


def _split(cell: CellConfig, split: Any, preparation: Preparation) -> PreparedSplit:
    dataset = Dataset(dataset_folder(cell.setting, Workspace()))
    return PreparedSplit(dataset, split, cell.setting, cell.method, preparation)


def _cost(
    network: HcfRes, validation: PreparedSplit, cell: CellConfig, preparation: Preparation
) -> dict[str, float]:
    """Parameters, the text encoder's included, and the time of a warm scene to its answer."""
    text = load_text(cell.setting.text, preparation.machine.weights)
    in_front = [text.network] if network.text_encoder is None else []
    parameters = count_parameters(network, in_front)
    times = time_warm_scenes(network, validation, cell, preparation)
    return {
        "cost/params_m": parameters.total / 1e6,
        "cost/trainable_m": parameters.trainable / 1e6,
        "cost/inference_ms": times.whole.median_ms,
        "cost/inference_p95_ms": times.whole.p95_ms,
        "cost/scene_ms": times.scene_ms,
        "cost/expression_ms": times.expression_ms,
    }


def time_warm_scenes(
    network: HcfRes, split: PreparedSplit, cell: CellConfig, preparation: Preparation
) -> PassTimes:
    """Time the first scenes of a split, each to the answer to its first sentence."""
    device = preparation.machine.device
    text = load_text(cell.setting.text, preparation.machine.weights)
    text.network.to(device)  # type: ignore[arg-type]
    answerer = Answerer(network.eval(), text, rules_of(cell.setting))
    questions = [_question(split, scene, device) for scene in split.scene_ids[:_TIMED_SCENES]]
    return warm_times(answerer, questions, _TIMED)


def _question(split: PreparedSplit, scene_id: str, device: str) -> Question:
    batch = collate([split.sample(scene_id).take([0])], split.setting.size.voxel_m)
    return Question(batch.scenes.to(device), (batch.expressions[0].description,))
