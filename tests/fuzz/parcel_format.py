"""The file that carries a grid between machines."""

import hashlib
import io
import json
import tempfile
import zipfile
from pathlib import Path
from random import Random

from rich.console import Console

from flows.parcels.pack import Wanted, export
from flows.parcels.parcel import MANIFEST
from flows.parcels.unpack import take_in
from hcfres.data.errors import DataError
from hcfres.store.workspace import Workspace
from tests.flows.whole_cells import whole_grid
from tests.fuzz.child import OUT
from tests.fuzz.format import Format, Misread, Seed, one_file, require
from tests.fuzz.other_formats import edit_zip

_QUIET = Console(quiet=True)


def _parcels() -> tuple[Seed, ...]:
    def content(wanted: Wanted) -> bytes:
        with tempfile.TemporaryDirectory() as folder:
            workspace = Workspace(Path(folder) / "workspace")
            whole_grid(workspace, 1)
            export("table3", Path(folder) / "grid.zip", wanted, workspace, _QUIET)
            return (Path(folder) / "grid.zip").read_bytes()

    return one_file("grid.zip", bare=content(Wanted()), full=content(Wanted(checkpoints=True)))


def _check_parcel(path: Path) -> None:
    root = path.parent / OUT
    try:
        came = take_in(path, Workspace(root))
    except DataError:
        left = [file for file in root.rglob("*") if file.is_file() and file.name != "import.lock"]
        if left:
            raise Misread(f"refused, and yet {left[0]} was left") from None
        raise
    require(came.new == 1 and came.known == 0, "it has one cell")
    with zipfile.ZipFile(path) as zipped, zipped.open(MANIFEST) as member:
        manifest = json.loads(member.read(1 << 20))
    for name, sha in manifest["files"].items():
        found = hashlib.sha256((root / name).read_bytes()).hexdigest()
        require(found == sha, f"{name} differs")


def edit_member(content: bytes, rng: Random) -> bytes:
    """A member changed, dropped or named otherwise, and the manifest made right again."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as zipped:
            members = {name: zipped.read(name) for name in zipped.namelist()}
        manifest = json.loads(members.pop(MANIFEST))
    except Exception:
        return content
    name = rng.choice(sorted(members))
    old = members.pop(name)
    if rng.random() < 0.2:
        name = rng.choice(("../" + name, name.upper(), f"{name}/x", "cells/x", "store/a/b-c/d"))
    if rng.random() < 0.8 and old:
        at, value = rng.randrange(len(old)), rng.choice((b"", b"0", b'"', b"{", b"[", b"9" * 400))
        members[name] = old[:at] + value + old[at + 1 :]
    manifest["files"] = {k: hashlib.sha256(v).hexdigest() for k, v in members.items()}
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w") as zipped:
        for key, value in {**members, MANIFEST: json.dumps(manifest).encode()}.items():
            zipped.writestr(key, value)
    return whole.getvalue()


FORMATS = (
    Format(
        "exported-grid",
        _parcels,
        _check_parcel,
        "binary",
        edits=(edit_zip, edit_member),
        writes=True,
    ),
)
