"""ScanRefer's unique and multiple, from annotations to scores, against counting by hand."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hcfres.data.annotations.json_files import read_scanrefer
from hcfres.data.labels import LabelRow, LabelTable
from hcfres.evaluation.groups import group_metrics

NYU40 = {"chair": 5, "office chair": 5, "table": 7, "lamp": 35, "box": 29}
LABELS = LabelTable(tuple(LabelRow(i, n, n, k) for i, (n, k) in enumerate(NYU40.items(), 1)))
CLASS = {"chair": "chair", "office_chair": "chair", "table": "table"}
"""Lamps and boxes are no benchmark class, and unknown names are none either: all are one, other."""

objects = st.lists(
    st.tuples(
        st.sampled_from(["scene0000_00", "scene0001_00"]),
        st.sampled_from([*CLASS, "lamp", "box", "gizmo"]),
        st.integers(1, 3),
        st.floats(0, 1),
    ),
    min_size=1,
    max_size=8,
)


@settings(max_examples=40, deadline=None)
@given(objects)
def test_an_object_is_unique_when_no_other_one_of_its_scene_is_of_its_class(told):
    entries = [
        {
            "scene_id": scene,
            "object_id": str(number),
            "object_name": name,
            "ann_id": str(ann_id),
            "description": f"the {name}",
            "token": ["the", name],
        }
        for number, (scene, name, count, _) in enumerate(told)
        for ann_id in range(count)
    ]
    with TemporaryDirectory() as folder:
        path = Path(folder) / "ScanRefer_filtered_val.json"
        path.write_text(json.dumps(entries))
        found = read_scanrefer(path, LABELS).expressions
    kinds = [CLASS.get(name, "other") for _, name, _, _ in told]
    scenes = [scene for scene, _, _, _ in told]
    unique = [
        sum((scenes[j], kinds[j]) == (scenes[i], kinds[i]) for j in range(len(told))) == 1
        for i in range(len(told))
    ]
    ious = np.array([told[one.object_ids[0]][3] for one in found])
    groups = group_metrics([one.eval_type for one in found], ious, ious < 0).groups
    for group, wanted in (("st_wo_d", True), ("st_w_d", False)):
        mine = [
            iou
            for (_, _, count, iou), alone in zip(told, unique, strict=True)
            for _ in range(count)
            if alone == wanted
        ]
        assert groups[group].count == len(mine)
        if mine:
            assert groups[group].miou == pytest.approx(np.mean(mine))
            assert groups[group].acc_25 == np.mean([iou > 0.25 for iou in mine])
