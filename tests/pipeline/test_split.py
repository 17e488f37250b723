from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch

from hcfres.config.method import MethodConfig
from hcfres.config.setting import SettingConfig
from hcfres.data.dataset import Dataset
from hcfres.pipeline import split as module
from hcfres.pipeline.scene import Preparation
from hcfres.pipeline.split import PreparedSplit


@dataclass(frozen=True)
class _Chunk:
    scene_id: str
    expressions: tuple[int, ...]


@pytest.fixture
def train(
    rooms: Dataset, smoke: SettingConfig, hcf_res: MethodConfig, preparation: Preparation
) -> PreparedSplit:
    return PreparedSplit(rooms, "train", smoke, hcf_res, preparation)


def test_a_split_knows_its_scenes_and_sentences(train: PreparedSplit) -> None:
    assert train.scene_ids == ("scene0000_00",)
    assert train.counts == {"scene0000_00": 12}
    assert replace(train, only=frozenset()).scene_ids == ()
    assert replace(train, split="val").scene_ids == ("scene0700_00",)


def test_a_whole_scene_is_a_batch_of_all_its_sentences_unchanged(train: PreparedSplit) -> None:
    batch = train.whole("scene0000_00")
    sample = train.sample("scene0000_00")
    assert batch.expressions == train.expressions["scene0000_00"]
    np.testing.assert_array_equal(batch.scenes.coordinates.numpy(), sample.coordinates)
    assert batch.scenes.voxels.max() < 12 / train.setting.size.voxel_m
    assert train.widths() == (128, 128)


def test_a_step_has_the_chosen_sentences(train: PreparedSplit) -> None:
    batch = train.batch([_Chunk("scene0000_00", (1, 4, 7))], [np.random.default_rng(0)])
    found = train.expressions["scene0000_00"]
    assert batch.expressions == (found[1], found[4], found[7])
    again = train.batch([_Chunk("scene0000_00", (1, 4, 7))], [np.random.default_rng(0)])
    torch.testing.assert_close(batch.scenes.coordinates, again.scenes.coordinates)


def test_targets_lie_on_superpoints_of_the_scene(train: PreparedSplit) -> None:
    """A target that owns a superpoint whole has relevance 1 there."""
    sample = train.sample("scene0000_00")
    for expression, row in zip(sample.expressions, sample.relevance, strict=True):
        owned = np.isin(sample.instance_of_superpoint, expression.object_ids)
        assert (row[owned] > 0.5).all()
        assert bool(expression.object_ids) == bool(owned.any())
        assert row.min() >= 0 and row.max() <= 1


def test_samples_are_made_once_and_only_so_many_are_kept(
    train: PreparedSplit, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert train.sample("scene0000_00") is train.sample("scene0000_00")
    monkeypatch.setattr(module, "KEPT", 1)
    train._kept["scene0001_00"] = train.sample("scene0000_00")
    train.sample("scene0000_00")
    assert list(train._kept) == ["scene0000_00"]


def test_what_is_missing_is_known_before_anything_is_made(
    train: PreparedSplit, tmp_path, events
) -> None:
    from hcfres.store.store import Store  # noqa: PLC0415

    empty = replace(train, preparation=replace(train.preparation, store=Store(tmp_path)))
    names = [job.stage.name for job in empty.missing("scene0000_00")]
    assert names == [job.stage.name for job in empty.jobs("scene0000_00")]
    assert names[0] == "superpoints" and names[-1] == "text" and len(names) == 9
    assert events == [] and list(tmp_path.iterdir()) == []
    train.sample("scene0000_00")
    assert train.missing("scene0000_00") == ()
