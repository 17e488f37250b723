"""Files of the ancestors' weights become a cell's folder, or a U-Net to begin from."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import torch
from safetensors import safe_open
from torch import Tensor

from hcfres.config.cell import CellConfig
from hcfres.config.identity import digest
from hcfres.config.setting import SettingConfig, TextConfig
from hcfres.data.errors import DataError, too_many
from hcfres.language.roberta import load_text
from hcfres.model.build import build_backbone
from hcfres.model.checkpoint_file import PublishedState, read_checkpoint
from hcfres.model.network import HcfRes
from hcfres.model.published import PUBLISHED, is_backbones
from hcfres.semantics.clip import build_clip
from hcfres.store.files import file_hash, write_atomic
from hcfres.training.cell import Widths
from hcfres.training.checkpoint import WEIGHTS, save_weights, write_tensors
from hcfres.training.published import (
    Account,
    account,
    misfits,
    network_from,
    published_cell,
    require_finite,
)
from hcfres.training.published_text import (
    shapes_of,
    text_difference,
    text_hash,
    text_shapes,
    write_text,
)

ACCOUNT = "import.json"
"""What became of each entry of the file, in the folder of what was made of it."""

TextVerdict = Literal["the setting's own", "not compared", "another, kept"]


@dataclass(frozen=True)
class Origin:
    """Where weights come from; kept with them."""

    file: str
    sha256: str


@dataclass(frozen=True)
class Imported:
    """A published checkpoint as a cell of ours."""

    folder: Path
    cell: CellConfig
    origin: Origin
    account: Account
    parameters: int
    """Of the network, the text encoder not counted."""
    dead_parameters: int
    text: TextVerdict
    """Whether the file's text encoder is the one that the setting names."""


@dataclass(frozen=True)
class ImportedBackbone:
    """A U-Net of ours from a file of others."""

    path: Path
    origin: Origin
    used: tuple[str, ...]
    left_out: tuple[str, ...]
    """Entries of other networks in the file."""
    parameters: int


def import_checkpoint(
    path: Path, asked: CellConfig, cells: Path, weights_root: Path, folder: Path | None = None
) -> Imported:
    """Write an ancestor's published weights as a cell that can be evaluated and asked.

    Args:
        path: of the authors' checkpoint.
        asked: method, by its own name, and setting.
        cells: where the cell's folder goes when `folder` is None.
        weights_root: of encoders' weights; the file's text encoder is held against the setting's,
            and kept here where it is another.

    Raises:
        DataError: the file cannot be read, or is not the weights of that method at that size; or
            the folder holds another file's weights.
    """
    state = read_checkpoint(path)
    origin = Origin(path.name, file_hash(path))
    widths = widths_of_setting(asked)
    told = account(path, state, asked, widths)
    cell = published_cell(asked)
    network = network_from(path, state, told, cell, widths)
    place = folder or cells / f"{asked.method.name}-{digest(origin.sha256, cell)}"
    _require_free(place, origin)
    verdict, encoder = _text(state, told, asked, weights_root, f"{place.name}-text")
    setting = cell.setting.model_copy(update={"text": encoder})
    cell = cell.model_copy(update={"setting": setting})
    about = {"cell": cell.model_dump(mode="json"), **vars(widths), "origin": asdict(origin)}
    save_weights(place / WEIGHTS, network, about)
    write_atomic(place / "cell.json", cell.model_dump_json(indent=1).encode())
    text_sha256 = text_hash(_text_of(state, told, asked))
    about = {"origin": asdict(origin), "text_encoder": verdict, "text_sha256": text_sha256}
    write_atomic(place / ACCOUNT, json.dumps(about | asdict(told), indent=1).encode())
    dead = sum(state.tensors[name].numel() for name in told.dead if not _is_statistic(name))
    return Imported(place, cell, origin, told, _count(network), dead, verdict)


def import_backbone(path: Path, setting: SettingConfig, out: Path) -> ImportedBackbone:
    """Write the U-Net of a file, SPFormer's or any ancestor's, as weights to begin training from.

    Args:
        path: of the file; what is not the U-Net's in it is left out, and named.
        setting: whose sizes the U-Net has.
        out: of the safetensors file.

    Raises:
        DataError: the file cannot be read, or its U-Net lacks entries, has others, or other sizes.
    """
    state = read_checkpoint(path)
    origin = Origin(path.name, file_hash(path))
    with torch.device("meta"):
        wanted = shapes_of(build_backbone(setting.size))
    given = {name: tensor for name, tensor in state.tensors.items() if is_backbones(name)}
    problems = [f"unexpected: {name}" for name in given if name not in wanted]
    problems += [f"missing: {name}" for name in wanted if name not in given]
    problems += misfits((name, given[name], wanted[name]) for name in wanted if name in given)
    if problems:
        reason = f"not the U-Net of {setting.name}'s sizes, {too_many(problems, 8)}"
        raise DataError(path, reason, "Name SPFormer's U-Net, or a checkpoint of MDIN or IPDN")
    require_finite(path, state, wanted)
    kept = {name: _plain(given[name]) for name in wanted}
    write_tensors(out, kept, {"origin": json.dumps(asdict(origin))})
    left_out = tuple(sorted(state.tensors.keys() - given.keys()))
    count = sum(t.numel() for name, t in kept.items() if not _is_statistic(name))
    return ImportedBackbone(out, origin, tuple(wanted), left_out, count)


def widths_of_setting(cell: CellConfig) -> Widths:
    """Widths of the features that a setting's encoders give, without their weights."""
    text = text_shapes(cell.setting.text)["embeddings.LayerNorm.weight"][0]
    if cell.method.semantics is None:
        return Widths(0, text)
    with torch.device("meta"):
        clip = build_clip(cell.setting.clip.model, 0)
    return Widths(clip.visual.conv1.weight.shape[0], text)


def _text(
    state: PublishedState, told: Account, asked: CellConfig, weights_root: Path, name: str
) -> tuple[TextVerdict, TextConfig]:
    """Which encoder the file's weights are to be asked with."""
    config, text = asked.setting.text, _text_of(state, told, asked)
    difference = text_difference(text, config, weights_root)
    if difference is None:
        return "not compared", config
    if difference == 0:
        return "the setting's own", config
    return "another, kept", write_text(text, config, weights_root, name)


def _text_of(state: PublishedState, told: Account, asked: CellConfig) -> dict[str, Tensor]:
    prefix = PUBLISHED[asked.method.name].text
    return {entry.removeprefix(prefix): state.tensors[entry] for entry in told.text}


def require_same_text(folder: Path, config: TextConfig, weights_root: Path) -> None:
    """Hold the encoder that is here against the one imported weights were trained with.

    Args:
        folder: of `import_checkpoint`.
        config: of the encoder that is about to be used.
        weights_root: where its files lie.

    Raises:
        DataError: it is another one.
    """
    told = json.loads((folder / ACCOUNT).read_text())
    if told["text_encoder"] != "not compared":
        return
    if text_hash(load_text(config, weights_root).network.state_dict()) != told["text_sha256"]:
        reason = f"its text encoder is not the {config.weights!r} that is here now"
        raise DataError(folder, reason, "Remove the folder and import the checkpoint again")


def _require_free(folder: Path, origin: Origin) -> None:
    file = folder / WEIGHTS
    if not file.exists():
        return
    with safe_open(file, framework="pt") as opened:
        about = opened.metadata() or {}
    if json.loads(about.get("origin", "null")) != asdict(origin):
        reason = "this folder holds other weights"
        raise DataError(file, reason, "Name another with --out, or remove it")


def _count(network: HcfRes) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def _plain(tensor: Tensor) -> Tensor:
    return tensor.float() if tensor.is_floating_point() else tensor


def _is_statistic(name: str) -> bool:
    return name.endswith(("running_mean", "running_var", "num_batches_tracked"))
