"""Settings, predictions, weights, features of others, archives."""

import io
import struct
import tomllib
import zipfile
from functools import cache
from pathlib import Path
from random import Random

import numpy as np
import torch
from safetensors.numpy import load_file

from hcfres.config.files import load_any
from hcfres.config.loading import ConfigError
from hcfres.data.acquisition.archives import archive_members, extract_members
from hcfres.data.errors import DataError
from hcfres.data.features import SuperpointFeatures
from hcfres.data.prior.features import PriorFeatures, read_prior_features, read_prior_scene
from hcfres.data.prior.imported import Import
from hcfres.evaluation.answers import score
from hcfres.evaluation.predictions import PredictionSource, PredictionWriter
from hcfres.evaluation.recompute import Thresholds, evaluate_file
from hcfres.semantics.weights import read_about, read_weights, write_weights
from hcfres.store.arrays import load_arrays, save_arrays
from hcfres.store.errors import StoreError
from tests.evaluation.scenes import make_answers, make_truth
from tests.fuzz.child import OUT
from tests.fuzz.folders import folder_seed
from tests.fuzz.format import Format, Misread, Seed, one_file, require
from tests.fuzz.scannet_formats import written

EXPERIMENTS = Path(__file__).resolve().parents[2] / "experiments"


@cache
def _experiments() -> tuple[Seed, ...]:
    def make(folder: Path) -> None:
        for path in EXPERIMENTS.rglob("*.toml"):
            copy = folder / path.relative_to(EXPERIMENTS)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(path.read_bytes())

    names = [str(path.relative_to(EXPERIMENTS)) for path in sorted(EXPERIMENTS.rglob("*.toml"))]
    return tuple(folder_seed(name.replace("/", "-"), make, name) for name in names)


def _check_experiment(path: Path) -> None:
    found = load_any(path)
    told = tomllib.loads(path.read_text())
    config = getattr(found, "config", found)
    same = [getattr(config, name) == told[name] for name in ("name", "title") if name in told]
    require(all(same), "name or title differ")


def _predictions() -> tuple[Seed, ...]:
    def make(folder: Path, rule: str) -> None:
        truth, answers = make_truth(), make_answers(1, rule=rule)
        asked = len(truth.expressions)
        source = PredictionSource("multi3drefer", "3", "abc", "val", rule, 15, "cell", asked)
        scores = score(truth, answers.chosen, answers.fired.any(1), 15)
        with PredictionWriter(folder / "predictions.parquet", source) as file:
            file.write(truth, answers, scores)

    return tuple(
        folder_seed(rule, lambda folder, rule=rule: make(folder, rule), "*.parquet")
        for rule in ("gres", "res")
    )


def _check_predictions(path: Path) -> None:
    for thresholds in (Thresholds(), Thresholds(mask_logit=0.5), Thresholds(indicator=0.6)):
        for name, value in evaluate_file(path, thresholds).flat().items():
            require(0 <= value <= 1 or name.endswith("count"), f"{name} is {value}")


def _state() -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    names = ("encoder.weight", "encoder.bias", "head.weight")
    return {name: torch.randn(4, 3 + n) for n, name in enumerate(names)}


def _weights() -> tuple[Seed, ...]:
    network = torch.nn.Sequential(torch.nn.Linear(5, 4), torch.nn.LayerNorm(4))
    return one_file(
        "weights.safetensors",
        small=written(write_weights, network, {"made": "by hand"}),
    )


def _check_weights(path: Path) -> None:
    found, told = read_weights(path), load_file(path)
    require(found.keys() == told.keys(), "names differ")
    for name, tensor in found.items():
        wanted = told[name].astype(np.float32) if told[name].dtype.kind == "f" else told[name]
        require(np.array_equal(tensor.numpy(), wanted, equal_nan=True), f"{name} differs")
    require(isinstance(read_about(path), dict), "what is told about them")


def _torch_weights() -> tuple[Seed, ...]:
    return one_file(
        "weights.pth", state=written(_save, _state()), model=written(_save, {"model": _state()})
    )


def _save(path: Path, value: object) -> None:
    with path.open("wb") as file:
        torch.save(value, file)


def _check_torch_weights(path: Path) -> None:
    require(all(isinstance(t, torch.Tensor) for t in read_weights(path).values()), "no tensors")


def _arrays() -> tuple[Seed, ...]:
    rows = np.random.default_rng(0).normal(size=(20, 8)).astype(np.float32)
    value = SuperpointFeatures(rows, rows[:, 0] > 0)
    return one_file("value.safetensors", features=written(save_arrays, value))


def _check_arrays(path: Path) -> None:
    found = load_arrays(path, SuperpointFeatures)
    require(found.features.ndim >= 0, "no features")


def _prior_scenes() -> tuple[Seed, ...]:
    rng = np.random.default_rng(0)
    points = rng.normal(size=(60, 3)).astype(np.float32)
    superpoints = (np.arange(60) // 12).astype(np.int64)
    parts = (points, points, superpoints, superpoints.astype(np.float64), superpoints)
    tensors = tuple(torch.from_numpy(part) for part in parts[:3])
    return one_file(
        "scene0000_00_refer.pth", arrays=written(_save, parts), tensors=written(_save, tensors)
    )


def _check_prior_scene(path: Path) -> None:
    found = read_prior_scene(path)
    require(np.isfinite(found.coordinates).all(), "coordinates are not finite")
    require(len(found.coordinates) == len(found.superpoints), "lengths differ")
    used = np.unique(found.superpoints)
    require(np.array_equal(used, np.arange(len(used))), "superpoints with gaps")


def _prior_features() -> tuple[Seed, ...]:
    rows = np.random.default_rng(0).normal(size=(5, 16))
    return one_file(
        "scene0000_00.pth",
        half=written(_save, torch.from_numpy(rows).half()),
        array=written(_save, rows.astype(np.float32)),
    )


def _check_prior_features(path: Path) -> None:
    found = read_prior_features(path)
    require(found.dtype == np.float32 and np.isfinite(found).all() and found.size, "features")


def _imports() -> tuple[Seed, ...]:
    def make(folder: Path) -> None:
        rows = np.random.default_rng(0).normal(size=(5, 8)).astype(np.float32)
        value = PriorFeatures(np.repeat(np.arange(5), 12), rows)
        (folder / "clip.pth").write_bytes(b"somebody's features")
        Import(folder / "imported").write(value, (folder / "clip.pth",))

    names = ("source.toml", "features.safetensors")
    return tuple(folder_seed(name, make, f"imported/{name}") for name in names)


def _check_import(path: Path) -> None:
    labels = Import(path.parent).superpoints().labels
    require(labels.min() == 0 and len(labels) == 60, "labels")


def _archives() -> tuple[Seed, ...]:
    def content(way: int) -> bytes:
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", way) as archive:
            archive.writestr("color/0.txt", "first " * 40)
            archive.writestr("color/10.txt", bytes(range(256)))
            archive.writestr("instance/0.txt", "x" * 3000)
        return packed.getvalue()

    return one_file(
        "frames.zip", stored=content(zipfile.ZIP_STORED), deflated=content(zipfile.ZIP_DEFLATED)
    )


def _check_archive(path: Path) -> None:

    out = path.parent / OUT
    names = archive_members(path)
    try:
        made = extract_members(path, out, tuple(names))
    except DataError:
        if out.is_dir() and any(file.is_file() for file in out.rglob("*")):
            raise Misread("refused, and yet files were left") from None
        raise
    require(len(made) == len(names), "members are missing")
    with zipfile.ZipFile(path) as archive:
        for name, file in zip(names, made, strict=True):
            require(file.resolve().is_relative_to(out.resolve()), f"{file} lies outside")
            with archive.open(name) as member:
                require(file.read_bytes() == member.read(1 << 20), f"{name} differs")


def edit_zip(content: bytes, rng: Random) -> bytes:
    """A field of a member's entry, in the archive or its directory, or a name, for another."""
    places = [
        (at, kind)
        for kind in (b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06")
        for at in _found(content, kind)
    ]
    if not places:
        return content
    at, kind = rng.choice(places)
    if rng.random() < 0.4 and kind != b"PK\x05\x06":
        return _renamed(content, at, 30 if kind == b"PK\x03\x04" else 46, rng)
    size = {b"PK\x03\x04": 30, b"PK\x01\x02": 46, b"PK\x05\x06": 22}[kind]
    length = rng.choice((2, 4))
    start = at + 4 + 2 * rng.randrange((size - 4 - length) // 2 + 1)
    value = rng.choice((0, 1, 8, 99, 0x41ED, 0xA1FF, 0xFFFF, 1 << 20, 0xFFFFFFFF))
    value %= 1 << 8 * length
    return content[:start] + value.to_bytes(length, "little") + content[start + length :]


def _renamed(content: bytes, at: int, head: int, rng: Random) -> bytes:
    if at + head > len(content):
        return content
    length = struct.unpack_from("<H", content, at + head - 4 if head == 30 else at + 28)[0]
    names = (b"../../../etc/x", b"/tmp/fuzz-x", b"..", b"C:\\x", b"a/../../x", b"\0", b"con", b"")
    name = (rng.choice(names) + b"/" * length)[:length] if rng.random() < 0.3 else None
    name = name or rng.choice(names)[:length].rjust(length, b".")
    return content[: at + head] + name + content[at + head + length :]


def _found(content: bytes, mark: bytes) -> list[int]:
    places, at = [], content.find(mark)
    while at >= 0:
        places.append(at)
        at = content.find(mark, at + 1)
    return places


def edit_safetensors(content: bytes, rng: Random) -> bytes:
    """A value of the header for another, the header's length made right again."""
    from tests.fuzz.mutations import edit_json, replace_number  # noqa: PLC0415

    length = int.from_bytes(content[:8], "little")
    head = content[8 : 8 + length]
    changed = rng.choice((edit_json, replace_number))(head, rng)
    return len(changed).to_bytes(8, "little") + changed + content[8 + length :]


def edit_pickle(content: bytes, rng: Random) -> bytes:
    """The description inside an archive of torch.save changed, the archive made whole again."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
    except Exception:
        return content
    if not members:
        return content
    name = rng.choice([one for one in members if one.endswith("data.pkl")] or list(members))
    data = bytearray(members[name] or b"\0")
    for _ in range(rng.randint(1, 3)):
        data[rng.randrange(len(data))] = rng.choice((rng.randrange(256), *b"cRbQ.(tq}]"))
    hostile = b"cos\nsystem\nX\x09\x00\x00\x00echo x >ytR."
    members[name] = hostile if rng.random() < 0.05 else bytes(data)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for key, value in members.items():
            archive.writestr(key, value)
    return packed.getvalue()


_ZIPPED = (edit_zip, edit_pickle)

FORMATS = (
    Format("experiments", _experiments, _check_experiment, "text", refusals=(ConfigError,)),
    Format("predictions", _predictions, _check_predictions, "binary", memory_mib=256),
    Format("safetensors", _weights, _check_weights, "binary", edits=(edit_safetensors,)),
    Format("torch-weights", _torch_weights, _check_torch_weights, "binary", edits=_ZIPPED),
    Format(
        "stored-arrays", _arrays, _check_arrays, "binary", refusals=(StoreError,),
        edits=(edit_safetensors,),
    ),
    Format("prior-scene", _prior_scenes, _check_prior_scene, "binary", edits=_ZIPPED),
    Format("prior-features", _prior_features, _check_prior_features, "binary", edits=_ZIPPED),
    Format("imported-features", _imports, _check_import, "text", edits=(edit_safetensors,)),
    Format("zip", _archives, _check_archive, "binary", edits=(edit_zip,), writes=True),
)  # fmt: skip
