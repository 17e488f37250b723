"""Questions about a scan of one's own: masks, coloured clouds, a picture a sentence."""

from collections.abc import Callable, Sequence
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from flows.cells.names import find_cell, newest_cell
from flows.live.progress import Bar, Lines
from flows.workers.machine import own_device
from hcfres.data.captures.fused import VOXEL_M
from hcfres.data.errors import DataError
from hcfres.data.own_scan import OwnScan, ScanFiles, ScanFolder
from hcfres.evaluation.answer_files import Answer, write_answers
from hcfres.evaluation.gate import write_gate
from hcfres.evaluation.open_scene import OpenScene, open_scene
from hcfres.evaluation.predict import WEIGHTS, load_method
from hcfres.pipeline.jobs import Event
from hcfres.reporting.pictures import gate_picture, sentence_picture
from hcfres.store.workspace import Workspace, require_writable

METHOD, SETTING = "hcf_res", "rooms"
"""Of the cell that answers when none is named."""
MOST_FRAMES = 60
"""Of a longer sequence, every so-many-th frame is looked at."""
MOST_WORDS = 200
"""Of a sentence; of more, the end would be cut off unread by the text encoder."""


def scan_of(
    path: Path | None,
    frames: Path | None,
    poses: Path | None,
    layout: str | None = None,
    cloud: Path | None = None,
    cloud_frame: int | None = None,
    intrinsics: Path | None = None,
    depth_unit: float | None = None,
    voxel: float | None = None,
) -> ScanFiles | ScanFolder:
    """What the command line names: a recording to be recognised, or its parts one by one.

    Raises:
        DataError: neither is named, or both; or a size that is not positive.
    """
    source = path or frames or Path("predict")
    for name, value in (("--depth-unit", depth_unit), ("--voxel", voxel)):
        if value is not None and not 0 < value < float("inf"):
            raise DataError(source, f"{name} is {value:g}", "Give metres, more than 0")
    edge = VOXEL_M if voxel is None else voxel
    if path is not None and frames is None and poses is None:
        return ScanFolder(
            path, layout, cloud, intrinsics, depth_unit, cloud_frame=cloud_frame, voxel_m=edge
        )
    if path is None and layout is None and frames is not None and poses is not None:
        unit = 0.001 if depth_unit is None else depth_unit
        return ScanFiles(
            cloud, frames, poses, intrinsics, unit, cloud_frame=cloud_frame, voxel_m=edge
        )
    reason = "a scan is named by its folder, or by --frames and --poses"
    raise DataError(source, reason, "See `hcfres predict --help`")


def answer(
    scan: ScanFiles | ScanFolder,
    sentences: Sequence[str],
    cell: str | None,
    out: Path,
    console: Console,
) -> tuple[Answer, ...]:
    """Answer each sentence and write into `out` what it means in the scan, and the gate's weights.

    Args:
        scan: a recording in a layout that is recognised, or its parts.
        sentences: one or more.
        cell: key (or its beginning) of the cell that answers; None for the newest hcf_res.
        out: folder; files of the same names are overwritten.
        console: is told what was understood, the progress, and the answers.

    Raises:
        DataError: a sentence without a word, or one too long; a part of the scan is missing,
            broken, or does not fit the others; or there is no trained cell.
        ConfigError: an encoder's weights are missing.
        StoreError: nothing can be written to `out` or to the workspace.
    """
    _require_sentences(sentences)
    workspace = Workspace()
    require_writable(workspace.root, "HCFRES_HOME")
    require_writable(out, "--out")
    folder = (
        find_cell(cell, workspace, WEIGHTS) if cell else newest_cell(METHOD, SETTING, workspace)
    )
    opened = open_scene(scan)
    _tell_scan(opened, console)
    method = load_method(folder, workspace, own_device())
    name, setting = method.cell.method.title, method.cell.setting.name
    console.print(f"{name}, trained on {setting} (cell {folder.name}), answers on {method.device}")
    warning = opened.radius_remark(method.cell.setting.lifting.radius_m)
    if warning:
        console.print(f"  {escape(warning)}", style="yellow", highlight=False)
    total = len(opened.source.frame_indices(opened.scene_id))
    every = -(-total // MOST_FRAMES)
    looked_at = -(-total // every)
    if every > 1:
        console.print(f"Of {total} frames, {looked_at} are looked at.")
    answers = method.predict(opened, sentences, every, _stages(looked_at, console))
    clouds = write_answers(out, opened, answers)[: len(answers)]
    scene = opened.scene
    for path, one in zip(clouds, answers, strict=True):
        caption = f"{one.sentence}: {_said(one)} ({name}, {setting})"
        sentence_picture(path.with_suffix(".png"), scene, opened.frames(every), one.mask, caption)
    _tell_answers(answers, clouds, console)
    gate = method.gate(opened, every)
    if gate is not None:
        write_gate(out, opened, gate)
        caption = f"What {name} takes from images and from geometry (Eq. 6; {setting})"
        gate_picture(out / "gate.png", scene, gate, caption)
        mean = gate.shown.mean()
        console.print(f"The gate: {out / 'gate'}.{{png,ply,parquet}}, mean w_2D {mean:.3g}")
    return answers


def _require_sentences(sentences: Sequence[str]) -> None:
    wrong = []
    for number, said in enumerate(sentences, 1):
        if not any(letter.isalnum() for letter in said):
            wrong.append(f"sentence {number} is {said[:60]!r}, without a word")
        elif (words := len(said.split())) > MOST_WORDS:
            wrong.append(f"sentence {number} has {words} words, of which {MOST_WORDS} are read")
    if wrong or not sentences:
        reason = "; ".join(wrong) or "no sentence is given"
        raise DataError("--say", reason, 'Say what is meant, e.g. --say "the white chair"')


def _tell_scan(opened: OpenScene, console: Console) -> None:
    scene = opened.scene
    console.print(f"{scene.scene_id}: {len(scene.vertices)} points, {len(scene.faces)} faces")
    if isinstance(opened.source, OwnScan):
        up = ", ".join(f"{value:.2f}" for value in opened.source.world_from_file[2, :3])
        console.print(f"  Up in the cloud's own frame: ({up}).", highlight=False)
    for remark in opened.remarks:
        console.print(f"  {escape(remark)}", highlight=False)


def _stages(frames: int, console: Console) -> Callable[[Event], None]:
    """Tell which stage is at work and, where it goes through frames, how far it is."""
    bars: dict[str, Bar] = {}
    lines = Lines(console)

    def told(event: Event) -> None:
        if event.what == "begun":
            bars[event.stage] = Bar(f"  {event.stage}", frames, None, lines)
        elif event.what == "frame":
            bars[event.stage].advance()
        elif event.what == "made":
            console.print(f"  {event.stage}: {event.seconds:.1f} s")

    return told


def _tell_answers(answers: Sequence[Answer], clouds: Sequence[Path], console: Console) -> None:
    table = Table("sentence", "answer", "queries", "probability", "files")
    for one, path in zip(answers, clouds, strict=True):
        files = f"{path.with_suffix('')}.{{ply,png}}"
        sure = f"{one.probability:.2f}"
        table.add_row(escape(one.sentence), _said(one), str(len(one.instances)), sure, files)
    console.print(table)
    console.print(f"All masks: {clouds[0].parent / 'masks.npz'}", soft_wrap=True)


def _said(one: Answer) -> str:
    return "no such object" if one.zero_target else f"{int(one.mask.sum())} points"
