"""Sentences: the JSON files of Multi3DRefer and ScanRefer, ReferIt3D's CSV, describers' cameras."""

import csv
import io
import json
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from hcfres.data.annotations.annotations import Annotations, write_multi3drefer, write_scanrefer
from hcfres.data.annotations.cameras import read_cameras
from hcfres.data.annotations.json_files import read_multi3drefer, read_scanrefer
from hcfres.data.annotations.referit3d import read_referit3d
from hcfres.data.expression import Entity, Expression, Viewpoint
from tests.fuzz.format import Format, Seed, one_file, require
from tests.fuzz.scannet_formats import label_table, written

WORDS = "the brown chair is left of the table and next to a trash can by the window".split()  # noqa: SIM905


def loaded(path: Path) -> Any:
    """What the standard library reads, numbers of any length included."""
    return json.loads(path.read_bytes().decode("utf-8-sig"), parse_int=_whole)


def _whole(digits: str) -> float:
    return int(digits) if len(digits) < 4000 else float("inf")


def _expressions(count: int = 24) -> list[Expression]:
    rng = Random(2)
    made = []
    for number in range(count):
        ids = tuple(sorted(rng.sample(range(30), rng.choice((0, 1, 1, 2, 3)))))
        kind = ("zt_wo_d", "st_w_d", "mt")[min(len(ids), 2)]
        said = " ".join(rng.choices(WORDS, k=8))
        made.append(
            Expression(
                "multi3drefer",
                f"scene{number // 8:04d}_00",
                ids,
                number,
                "trash_can",
                said,
                kind,
                True,
                False,
                number % 2 == 0,
                False,
                entities=(Entity(0, 3, ids, "target"),) if number % 3 == 0 else (),
                viewpoint=Viewpoint((0.5, 1.0, 1.5), (0.0, 0.0, 1.0)) if number % 5 == 0 else None,
            )
        )
    return made


def _multi() -> tuple[Seed, ...]:
    bare = [
        {"scene_id": e.scene_id, "object_ids": list(e.object_ids), "object_name": e.object_name}
        | {"ann_id": e.ann_id, "eval_type": e.eval_type, "description": f" {e.description}\n"}
        for e in _expressions(16)
    ]
    return one_file(
        "multi3drefer_val.json",
        ours=written(write_multi3drefer, _expressions()),
        bare=json.dumps(bare).encode(),
    )


def _scanrefer() -> tuple[Seed, ...]:
    one = [e for e in _expressions() if len(e.object_ids) == 1]
    return one_file("ScanRefer_filtered_val.json", ours=written(write_scanrefer, one))


def _check_multi(path: Path) -> None:
    found = read_multi3drefer(path)
    entries = _all_counted(path, found)
    for place, item in zip(found.places, found.expressions, strict=True):
        entry = entries[int(place[1:-1])]
        require(list(item.object_ids) == entry["object_ids"], f"{place}: targets differ")
        require(item.eval_type == entry["eval_type"], f"{place}: eval_type differs")
        _check_common(place, item, entry)
    keys = [(item.scene_id, item.ann_id) for item in found.expressions]
    require(len(set(keys)) == len(keys), "a key twice")
    counts = {"zt": {0}, "st": {1}, "mt": set(range(2, 5000))}
    for item in found.expressions:
        require(len(item.object_ids) in counts[item.eval_type[:2]], "eval_type and targets")


def _check_scanrefer(path: Path) -> None:
    found = read_scanrefer(path, label_table())
    entries = _all_counted(path, found)
    for place, item in zip(found.places, found.expressions, strict=True):
        entry = entries[int(place[1:-1])]
        require(item.object_ids == (int(entry["object_id"]),), f"{place}: the target differs")
        _check_common(place, item, entry)
    keys = [item.key for item in found.expressions]
    require(len(set(keys)) == len(keys), "a key twice")


def _all_counted(path: Path, found: Annotations) -> list:
    entries = loaded(path)
    require(found.total == len(entries), f"{found.total} of {len(entries)} entries counted")
    require(all(item.reason for item in found.rejected), "rejected without a reason")
    require(all(len(str(item)) < 2000 for item in found.rejected), "an endless rejection")
    return entries


def _check_common(place: str, item: Expression, entry: dict) -> None:
    require(item.scene_id == entry["scene_id"], f"{place}: the scene differs")
    require(item.description == entry["description"].strip(), f"{place}: the sentence differs")
    require(item.ann_id == int(entry["ann_id"]), f"{place}: ann_id differs")
    length = len(item.description)
    require(all(0 <= e.start < e.end <= length for e in item.entities), f"{place}: entities")


def _cameras() -> tuple[Seed, ...]:
    entries = [
        {
            "scene_id": "scene0000_00", "object_id": str(n), "object_name": "chair",
            "ann_id": str(n % 3), "id": f"scene0000_00-{n}_{n % 3}",
            "camera": {"position": [1.5, -n, 1], "rotation": [0, 0, 0], "lookat": [0, 0.1, n]},
        }
        for n in range(20)
    ]  # fmt: skip
    return one_file("scene0000_00.anns.json", cameras=json.dumps(entries).encode())


def _check_cameras(path: Path) -> None:
    found = read_cameras(path)
    entries = loaded(path)
    require(len(found.viewpoints) + len(found.rejected) == len(entries), "entries vanish")
    positions = [_position(entry) for entry in entries]
    for key, view in found.viewpoints.items():
        require(np.isfinite((view.position, view.look_at)).all(), f"{key} is not finite")
        require(any(np.array_equal(view.position, p) for p in positions), f"{key}: position")


def _position(entry: Any) -> list[float]:
    """Where an entry says that the camera stood; empty where it says nothing sensible."""
    try:
        return [float(number) for number in entry["camera"]["position"]]
    except (TypeError, KeyError, ValueError, OverflowError):
        return []


def _table(dataset: str) -> tuple[Seed, ...]:
    columns = ["assignmentid", "stimulus_id", "utterance", "correct_guess", "instance_type"]
    columns += ["scan_id", "target_id", "uses_spatial_lang", "uses_color_lang", "tokens"]
    columns += ["coarse_reference_type"] if dataset == "sr3d" else ["uses_shape_lang"]
    text = io.StringIO()
    table = csv.DictWriter(text, columns)
    table.writeheader()
    for n in range(40):
        others = "-".join(str(k) for k in range(20, 20 + n % 3 + 1))
        scan = f"scene{n // 9:04d}_00"
        table.writerow(
            {
                "assignmentid": 1000 + n,
                "stimulus_id": f"{scan}-trash_can-{n % 3 + 2}-{n}-{others}",
                "utterance": f'the "{" ".join(WORDS[: 3 + n % 9])}", please',
                "correct_guess": True,
                "instance_type": "trash can",
                "scan_id": scan,
                "target_id": n,
                "uses_spatial_lang": n % 2 == 0,
                "uses_color_lang": n % 3 == 0,
                "tokens": str(WORDS[:4]),
                columns[-1]: True,
            }
        )
    content = text.getvalue().encode()
    return one_file(f"{dataset}.csv", plain=content, unix=content.replace(b"\r\n", b"\n"))


def _check_table(dataset: str, path: Path) -> None:
    found = read_referit3d(path, dataset)
    text = path.read_bytes().decode("utf-8-sig")
    rows = [row for row in list(csv.reader(io.StringIO(text, newline="")))[1:] if row]
    require(found.total == len(rows), f"{found.total} of {len(rows)} rows counted")
    require(all(item.reason for item in found.rejected), "rejected without a reason")
    at = next(csv.reader(io.StringIO(text, newline=""))).index("utterance")
    told = [row[at].strip() for row in rows if len(row) > at]
    for item in found.expressions:
        require(item.description in told, "a sentence that is not there")
        require(len(item.object_ids) == 1 and item.object_ids[0] >= 0, "the target")


FORMATS = (
    Format("multi3drefer", _multi, _check_multi, "json"),
    Format("scanrefer", _scanrefer, _check_scanrefer, "json"),
    Format("scanrefer-cameras", _cameras, _check_cameras, "json"),
    Format("nr3d", partial(_table, "nr3d"), partial(_check_table, "nr3d"), "text"),
    Format("sr3d", partial(_table, "sr3d"), partial(_check_table, "sr3d"), "text"),
)
