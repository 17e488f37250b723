"""Views and scans of pre-training rooms, and the card."""

from pathlib import Path

import numpy as np
import pytest

from hcfres.data.errors import DataError
from hcfres.data.rooms.seeds import EXAMINE, PRETRAIN, TRAIN, VAL
from hcfres.training.pretrain.captions import CLASSES
from hcfres.training.pretrain.card import Card, Figure
from hcfres.training.pretrain.rooms import EXAM, LEARN, TUNE, KeptViews
from hcfres.training.pretrain.run import ROOMS, STEPS
from hcfres.training.pretrain.scans import KeptScans


def test_no_room_that_is_learnt_from_is_tuned_on_examined_trained_on_or_validated_on() -> None:
    assert set(LEARN) | set(TUNE) == set(PRETRAIN)
    assert set(EXAM) <= set(EXAMINE)
    pools = [set(pool) for pool in (LEARN, TUNE, EXAM, TRAIN, VAL)]
    assert sum(map(len, pools)) == len(set.union(*pools))
    assert ROOMS.keys() == STEPS.keys()
    assert all(count <= len(LEARN) for count in ROOMS.values())


def test_views_are_rendered_once_and_name_every_pixels_owner(tmp_path: Path) -> None:
    kept = KeptViews(tmp_path, frames=2)
    first, again = kept(LEARN[0]), kept(LEARN[0])
    assert first.colour.shape == (2, 240, 320, 3)
    assert np.array_equal(first.colour, again.colour)
    assert first.room == again.room
    objects = len(first.room.furniture)
    assert first.instances.min() >= 0
    assert first.instances.max() <= objects + 5
    seen = [np.isin(np.arange(objects), frame) for frame in first.instances]
    assert np.array_equal(np.stack(seen), first.exposed > 0)
    assert len(list(tmp_path.rglob("*.npz"))) == 1
    assert not list(tmp_path.rglob("*.part"))


def test_damaged_views_are_one_clear_error(tmp_path: Path) -> None:
    kept = KeptViews(tmp_path, frames=2)
    kept(LEARN[1])
    (path,) = tmp_path.rglob("*.npz")
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(DataError, match="remove it"):
        kept(LEARN[1])


def test_a_scan_names_every_vertex(tmp_path: Path) -> None:
    kept = KeptScans(tmp_path)
    scan, again = kept(LEARN[2]), kept(LEARN[2])
    assert np.array_equal(scan.vertices, again.vertices)
    assert {CLASSES.index("wall"), CLASSES.index("floor")} <= set(scan.classes)
    assert len(scan.classes) == len(scan.tints) == len(scan.vertices)


def test_a_card_says_whether_each_target_was_reached() -> None:
    figures = [Figure("good", 0.8, 0.7), Figure("bad", 0.2, 0.3), Figure("plain", 1.0)]
    card = Card("T", "sam", "A network.", LEARN[:3], EXAM, 10, 4, figures, ["A note."])
    text = card.text()
    assert "| good | 0.800 | at least 0.7: reached |" in text
    assert "| bad | 0.200 | at least 0.3: **missed** |" in text
    assert "`hcfres pretrain sam --steps 10 --seed 4`" in text
    assert "3 rooms of seeds 1000 to 1002" in text
    assert card.about()["seed"] == "4"
