"""A trained method in one's own hands: load it, give it a scan and sentences, get masks."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open

from hcfres.config.cell import CellConfig
from hcfres.config.loading import parse
from hcfres.config.setting import SettingConfig
from hcfres.data.batch import Batch
from hcfres.data.errors import DataError
from hcfres.data.expression import Expression
from hcfres.evaluation.answer_files import Answer, Instance
from hcfres.evaluation.answers import SceneAnswers, scene_answers
from hcfres.evaluation.evaluate import rules_of
from hcfres.evaluation.gate import SceneGate, scene_gate
from hcfres.evaluation.open_scene import OpenScene
from hcfres.language.trained import trained_text
from hcfres.model.build import build_network
from hcfres.model.network import HcfRes
from hcfres.pipeline.collate import collate
from hcfres.pipeline.jobs import Progress, silent
from hcfres.pipeline.makers import make_text
from hcfres.pipeline.places import Machine
from hcfres.pipeline.samples import make_sample
from hcfres.pipeline.scene import Preparation, PreparedScene, prepare_scene
from hcfres.store.store import Store
from hcfres.store.workspace import Workspace

WEIGHTS = "weights.safetensors"
_WAY_OUT = "Give a folder of the workspace's `cells`; `hcfres train hcf_res` makes one"


@dataclass(frozen=True)
class Method:
    """A trained network with everything it needs in front of it."""

    cell: CellConfig
    """What it is and what it was trained on."""
    network: HcfRes
    workspace: Workspace
    """Where the features of scans are kept, so that a scan is described once."""
    device: str

    def predict(
        self,
        scene: OpenScene,
        sentences: Sequence[str],
        every: int | None = None,
        progress: Progress = silent,
    ) -> tuple[Answer, ...]:
        """Find what each sentence means in a scan.

        The first time, the scan is cut into superpoints and its frames are described by SAM and
        CLIP; from then on only the sentences cost something.

        Args:
            scene: from `open_scene`.
            sentences: English, at least a word each.
            every: look at every so-many-th frame; by default as the method was trained.
            progress: told of the stages of a scan that is new.

        Raises:
            ValueError: there is no sentence, or one without a word.
            DataError: the scan or a frame is broken.
            ConfigError: an encoder's weights are missing.
        """
        if not sentences or not all(any(c.isalnum() for c in said) for said in sentences):
            raise ValueError(f"at least one sentence is needed, each with a word: {sentences!r}")
        prepared, batch = self._batch(scene, sentences, every, progress)
        with torch.no_grad():
            output = self.network.decode(self.network.encode(batch.scenes), batch.text)
        rules = rules_of(self.cell.setting)
        found = scene_answers(output, rules.rule)
        labels = prepared.superpoints.labels
        return tuple(
            _answer(said, found, row, labels, rules.least) for row, said in enumerate(sentences)
        )

    def gate(
        self, scene: OpenScene, every: int | None = None, progress: Progress = silent
    ) -> SceneGate | None:
        """Look at how much each superpoint of a scan takes from images and from 3D (Eq. 6).

        No sentence enters. Arguments and errors are those of `predict`.

        Returns:
            None for a method without a gate.
        """
        prepared, batch = self._batch(scene, (), every, progress)
        with torch.no_grad():
            weights = self.network.encode(batch.scenes).gate
        return None if weights is None else scene_gate(prepared, weights[0].float().cpu().numpy())

    def _batch(
        self, scene: OpenScene, sentences: Sequence[str], every: int | None, progress: Progress
    ) -> tuple[PreparedScene, Batch]:
        """The prepared scan, and it and the sentences on the device."""
        setting = _with_frames(self.cell.setting, every)
        machine = Machine(self.workspace.weights, self.device)
        preparation = Preparation(Store(self.workspace.store), machine, progress)
        prepared = prepare_scene(
            scene.source, scene.scene_id, setting, self.cell.method, preparation
        )
        asked = tuple(_asked(scene.scene_id, n, said) for n, said in enumerate(sentences))
        text = make_text(tuple(sentences), setting.text, machine)
        batch = collate([make_sample(prepared, asked, text)], setting.size.voxel_m)
        return prepared, batch.to(self.device)


def load_method(
    path: Path | str, workspace: Workspace | None = None, device: str | None = None
) -> Method:
    """Load a trained method.

    Args:
        path: of a cell's folder, or of its weights.safetensors.
        workspace: where features are kept and encoders' weights lie; by default HCFRES_HOME, or
            `workspace` in the current directory.
        device: by default a GPU if there is one.

    Raises:
        DataError: there are no weights, or they are damaged or of another network.
        ConfigError: they were written for settings that this version does not know.
    """
    workspace = workspace or Workspace()
    file = Path(path) / WEIGHTS if Path(path).is_dir() else Path(path)
    state, about = _read(file)
    cell = parse(_field(about, "cell", file), CellConfig, source=str(file))
    text_encoder = trained_text(cell.setting, workspace.weights)
    dense, text, instance = (_field(about, name, file) for name in ("dense", "text", "instance"))
    network = build_network(cell.method, cell.setting.size, dense, text, instance, text_encoder)
    try:
        network.load_state_dict(state)
    except RuntimeError as error:
        first = str(error).splitlines()[1:2]
        reason = f"not the weights of {cell.method.name}: {' '.join(first).strip()}"
        raise DataError(file, reason, "Use the version of hcfres that wrote them") from None
    chosen = device or ("cuda" if torch.cuda.is_available() else "cpu")
    network.to(chosen).eval().requires_grad_(False)
    return Method(cell, network, workspace, chosen)


def _read(file: Path) -> tuple[dict[str, torch.Tensor], dict[str, str]]:
    if not file.is_file():
        raise DataError(file, "there is no trained method here", _WAY_OUT)
    try:
        with safe_open(file, framework="pt") as opened:
            tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
            return tensors, dict(opened.metadata() or {})
    except SafetensorError as error:
        raise DataError(file, f"damaged ({error})", _WAY_OUT) from None


def _field(about: dict[str, str], name: str, file: Path) -> Any:
    try:
        return json.loads(about[name])
    except (KeyError, json.JSONDecodeError):
        raise DataError(file, f"the header has no `{name}`: no trained method", _WAY_OUT) from None


def _with_frames(setting: SettingConfig, every: int | None) -> SettingConfig:
    if every is None:
        return setting
    data = setting.data.model_copy(update={"frame_every": every})
    return setting.model_copy(update={"data": data})


def _asked(scene_id: str, number: int, sentence: str) -> Expression:
    """A sentence as an annotation without an answer."""
    return Expression(
        dataset="asked",
        scene_id=scene_id,
        object_ids=(),
        ann_id=number,
        object_name="",
        description=sentence,
        eval_type="zt_wo_d",
        spatial=False,
        color=False,
        texture=False,
        shape=False,
    )


def _answer(sentence: str, found: SceneAnswers, row: int, labels: np.ndarray, least: int) -> Answer:
    mask = found.chosen[row][labels]
    nothing = not found.fired[row].any() or int(mask.sum()) < least
    fired = np.flatnonzero(found.fired[row])
    likeliest_first = fired[np.argsort(-found.indicators[row, fired], kind="stable")]
    instances = tuple(
        Instance(
            mask=(found.logits[row, query] >= 0)[labels],
            probability=float(found.indicators[row, query]),
            score=float(found.scores[row, query]),
        )
        for query in likeliest_first
    )
    return Answer(
        sentence=sentence,
        mask=np.zeros_like(mask) if nothing else mask,
        zero_target=nothing,
        instances=() if nothing else instances,
        probability=float(found.indicators[row].max()),
    )
