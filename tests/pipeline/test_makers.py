from dataclasses import replace

import numpy as np
import pytest

from hcfres.config.setting import SettingConfig
from hcfres.data.errors import DataError
from hcfres.data.features import FrameTokens, InstanceFeatures, LiftingOperator
from hcfres.data.scene import Scene
from hcfres.pipeline.makers import make_dense, make_instance, make_superpoints
from hcfres.pipeline.places import Place
from tests.pipeline.toys import ToySource, toy_scene


class _Source(ToySource):
    def __init__(self, scene: Scene) -> None:
        super().__init__()
        self._scene = scene

    def scene(self, scene_id: str) -> Scene:
        return self._scene


def _labels(scene: Scene, source: str, smoke: SettingConfig) -> list[int]:
    config = smoke.superpoints.model_copy(update={"source": source, "min_vertices": 1})
    place = Place(_Source(scene), scene.scene_id, 1)
    return make_superpoints(place, config).labels.tolist()


def test_shipped_superpoints_are_numbered_from_zero(smoke: SettingConfig) -> None:
    assert _labels(toy_scene(), "segs", smoke) == [0, 0, 0, 0, 1, 1, 1, 1]


def test_superpoints_that_were_not_shipped_are_refused(smoke: SettingConfig) -> None:
    with pytest.raises(DataError, match=r'no over-segmentation [(]segs.*source = "mesh"'):
        _labels(replace(toy_scene(), segments=None), "segs", smoke)


def test_a_cloud_without_faces_has_superpoints_too(smoke: SettingConfig) -> None:
    cloud = replace(toy_scene(), faces=np.zeros((0, 3), dtype=np.int64))
    for scene in (toy_scene(), cloud):
        labels = _labels(scene, "mesh", smoke)
        assert sorted(set(labels)) == list(range(max(labels) + 1)) and len(labels) == 8


OPERATOR = LiftingOperator(
    row_starts=np.array([0, 2, 2]),
    columns=np.array([0, 3]),
    weights=np.array([0.25, 0.75], dtype=np.float32),
    shape=np.array([2, 4]),
)


def test_dense_features_are_the_operator_times_the_tokens() -> None:
    """A row of 1/4 and 3/4 on tokens 0 and 3: 1/4 * (0, 1) + 3/4 * (6, 7) = (4.5, 5.5)."""
    tokens = FrameTokens(np.array([7]), np.arange(8, dtype=np.float16).reshape(1, 2, 2, 2))
    found = make_dense(OPERATOR, tokens)
    np.testing.assert_allclose(found.features, [[4.5, 5.5], [0, 0]])
    assert found.seen.tolist() == [True, False]


def test_instance_features_are_the_operator_times_those_of_the_masks() -> None:
    masks = InstanceFeatures(np.arange(8, dtype=np.float32).reshape(4, 2))
    np.testing.assert_allclose(make_instance(OPERATOR, masks).features, [[4.5, 5.5], [0, 0]])
