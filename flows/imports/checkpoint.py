"""Published weights of the ancestors into the workspace, and what is still needed to use them."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from flows.datasets import dataset_folder
from flows.places import method_file, setting_file
from hcfres.config.cell import CellConfig
from hcfres.config.loading import ConfigError, load
from hcfres.config.method import MethodConfig
from hcfres.config.setting_file import load_setting
from hcfres.language.presets import folder_of
from hcfres.model.published import PUBLISHED
from hcfres.semantics.weights import weights_path
from hcfres.store.workspace import Workspace
from hcfres.training.published_import import (
    ACCOUNT,
    Imported,
    ImportedBackbone,
    import_backbone,
    import_checkpoint,
)

UNET = "unet"
"""Asks for the U-Net of a file alone, to begin a training from."""


def import_published(
    file: Path, method: str, setting: str, out: Path | None, console: Console
) -> Imported | ImportedBackbone:
    """Turn the authors' weights into ours and print what became of each kind of entry.

    Args:
        file: what they published, as torch.save wrote it.
        method: an ancestor's name, or UNET.
        setting: whose sizes and encoders the weights belong to.
        out: folder of the cell, or the U-Net's file; None for a place in the workspace.
        console: is told.

    Raises:
        ConfigError: no such method or setting.
        DataError: the file cannot be read or does not hold those weights.
    """
    config, workspace = load_setting(setting_file(setting)), Workspace()
    if method == UNET:
        place = out or workspace.weights / f"{file.stem}.safetensors"
        backbone = import_backbone(file, config, place)
        _tell_backbone(backbone, console)
        return backbone
    if method not in PUBLISHED:
        known = ", ".join((*PUBLISHED, UNET))
        raise ConfigError(f"--method {method}: nobody published such weights; there are: {known}")
    asked = CellConfig(
        method=load(method_file(method), MethodConfig), setting=config, seed=config.seeds[0]
    )
    imported = import_checkpoint(file, asked, workspace.cells, workspace.weights, out)
    _tell(imported, workspace, console)
    return imported


def missing_parts(cell: CellConfig, workspace: Workspace) -> tuple[str, ...]:
    """What this machine lacks for answering a cell's validation split, each with the way out."""
    setting, semantics = cell.setting, cell.method.semantics
    missing = []
    if not dataset_folder(setting, workspace).is_dir():
        way_out = f"`hcfres acquire {setting.name}` brings scans, sentences and frames"
        missing.append(f"no dataset at {dataset_folder(setting, workspace)}: {way_out}")
    try:
        folder_of(setting.text, workspace.weights)
    except ConfigError as error:
        missing.append(str(error))
    encoders = []
    if semantics is not None:
        encoders.append(setting.clip.weights)
        if "instance" in semantics.granularities:
            encoders.append(setting.sam.weights)
    for weights in encoders:
        try:
            weights_path(weights, workspace.weights)
        except ConfigError as error:
            missing.append(str(error))
    return tuple(missing)


def _tell(imported: Imported, workspace: Workspace, console: Console) -> None:
    told = imported.account
    table = Table("entries", "number", "what became of them", title=_title(imported))
    table.add_row("used", str(len(told.used)), f"{imported.parameters:,} parameters of the network")
    dead = f"{imported.dead_parameters:,} parameters that no output depends on: left out"
    table.add_row("dead weight", str(len(told.dead)), dead)
    table.add_row("text encoder", str(len(told.text)), _text(imported))
    table.add_row("loss weights", str(len(told.objective)), "left out")
    table.add_row("unexpected, missing", "0", "any would have been refused")
    console.print(table)
    if told.absent_dead:
        console.print(f"{len(told.absent_dead)} entries without effect are not in the file")
    if told.others:
        console.print(f"beside the weights, left out: {escape(', '.join(told.others))}")
    console.print(f"Every entry by name: {imported.folder / ACCOUNT}", soft_wrap=True)
    console.print(
        f"{imported.cell.method.title} is at {imported.folder}", soft_wrap=True, highlight=False
    )
    _tell_needs(missing_parts(imported.cell, workspace), imported.folder, console)


def _title(imported: Imported | ImportedBackbone) -> str:
    return f"{imported.origin.file}, sha256 {imported.origin.sha256[:16]}"


def _text(imported: Imported) -> str:
    name = imported.cell.setting.text.weights
    if imported.text == "not compared":
        return f"not compared: {name!r} is not here; the authors froze theirs, RoBERTa-base"
    if imported.text == "another, kept":
        return f"differs from the setting's: kept as the weights {name!r}"
    return f"the setting's own, weight by weight ({name!r})"


def _tell_needs(missing: Sequence[str], folder: Path, console: Console) -> None:
    if not missing:
        console.print(f"`hcfres evaluate {folder}` answers validation with it", soft_wrap=True)
        return
    console.print("Before `hcfres evaluate` can answer validation with it, this is needed:")
    for line in missing:
        console.print(f"  {escape(line)}", highlight=False, soft_wrap=True)


def _tell_backbone(imported: ImportedBackbone, console: Console) -> None:
    table = Table("entries", "number", "what became of them", title=_title(imported))
    used = f"{imported.parameters:,} parameters of the U-Net"
    table.add_row("used", str(len(imported.used)), used)
    names = sorted({name.partition(".")[0] for name in imported.left_out})
    table.add_row("other networks", str(len(imported.left_out)), escape(", ".join(names)[:200]))
    table.add_row("unexpected, missing", "0", "any would have been refused")
    console.print(table)
    console.print(
        f"The U-Net is at {imported.path}; a setting begins from it by training.backbone_weights",
        soft_wrap=True,
    )
