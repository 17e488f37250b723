"""`hcfres data sentences`: every entry that is left out is printed with its place and reason."""

import json

from rich.console import Console

from flows.sentences import list_sentences

GROUP = {"id": 0, "objectId": 0, "label": "[red]chair", "segments": [0]}


def test_counts_rejections_and_doubts_are_printed(tmp_path):
    folder = tmp_path / "scans" / "scene0000_00"
    folder.mkdir(parents=True)
    objects = {"sceneId": "scene0000_00", "segGroups": [GROUP]}
    (folder / "scene0000_00.aggregation.json").write_text(json.dumps(objects))
    entry = {"scene_id": "scene0000_00", "object_ids": [0], "object_name": "chair", "ann_id": 0}
    entry |= {"eval_type": "st_wo_d", "description": "the chair"}
    path = tmp_path / "multi3drefer_val.json"
    path.write_text(json.dumps([entry, entry | {"ann_id": 1, "object_ids": [4]}, 3]))
    console = Console(record=True, width=40)
    list_sentences(path, console)
    assert console.export_text().splitlines() == [
        "multi3drefer val: 1 expressions, 2 entries left out, 1 doubts",
        "left out: [2]: an object is expected, found 3",
        "left out: [1] scene0000_00|4|1: scene scene0000_00 has no object [4]",
        "doubt: [0] scene0000_00|0|0: object_name is 'chair', the scan's label ['[red]chair']",
    ]
