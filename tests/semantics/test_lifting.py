from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.functional import interpolate

from hcfres.config.setting import LiftingConfig
from hcfres.data.features import FrameMasks, Superpoints
from hcfres.data.scene import Frame
from hcfres.geometry.camera import unproject
from hcfres.semantics.lifting import apply, dense_operator, instance_operator
from hcfres.semantics.masks import pack

SIZE = (6, 8)
NEAR = LiftingConfig(radius_m=0.4, neighbours=4, max_depth_m=20.0)


def frame(index: int, rng: np.random.Generator, depth: np.ndarray | None = None) -> Frame:
    """A camera that looks along world z, somewhere near the origin."""
    pose = np.eye(4)
    pose[:3, 3] = rng.uniform(-0.3, 0.3, 3)
    if depth is None:
        depth = rng.uniform(1, 2, SIZE) * (rng.random(SIZE) > 0.2)
    return Frame(
        index=index,
        colour=np.zeros((12, 16, 3), np.uint8),
        depth=depth.astype(np.float32),
        intrinsics=np.array([[8.0, 0, 3.5], [0, 8.0, 2.5], [0, 0, 1]]),
        camera_to_world=pose,
    )


def scene(rng: np.random.Generator) -> tuple[np.ndarray, Superpoints]:
    vertices = rng.uniform([-1, -1, 0.8], [1, 1, 2.2], (120, 3)).astype(np.float32)
    labels = rng.integers(0, 12, 120)
    labels[:12] = np.arange(12)
    return vertices, Superpoints(labels.astype(np.int64))


def masks_of(*frames: list[np.ndarray], scores: list[float]) -> FrameMasks:
    images = [image for of_frame in frames for image in of_frame]
    return FrameMasks(
        frames=np.arange(len(frames)),
        size=np.array([12, 16]),
        frame_of_mask=np.repeat(np.arange(len(frames)), [len(of_frame) for of_frame in frames]),
        bits=np.stack([pack(image) for image in images]),
        predicted_iou=np.array(scores, np.float32),
        stability=np.ones(len(images), np.float32),
    )


def readable_lift(frames, images, vertices, superpoints, config):
    """The paper's procedure with H x W x D images: NaN where a pixel shows nothing."""
    sums = np.zeros((len(vertices), images[0].shape[-1]))
    hits = np.zeros(len(vertices))
    for one, image in zip(frames, images, strict=True):
        world = unproject(one.depth, one.intrinsics, one.camera_to_world)
        for place in np.argwhere(one.depth > 0):
            squared = ((vertices - world[tuple(place)]) ** 2).sum(axis=1)
            near = [
                v for v in np.argsort(squared, kind="stable") if squared[v] < config.radius_m**2
            ]
            if np.isnan(image[tuple(place)]).any():
                continue
            for vertex in near[: config.neighbours]:
                sums[vertex] += image[tuple(place)]
                hits[vertex] += 1
    features = np.zeros((superpoints.labels.max() + 1, sums.shape[1]))
    for label in range(len(features)):
        seen = (superpoints.labels == label) & (hits > 0)
        if seen.any():
            features[label] = (sums[seen] / hits[seen, None]).mean(axis=0)
    return features


@settings(deadline=None, max_examples=15)
@given(st.integers(0, 10_000), st.sampled_from([(2, 3), (1, 1), (6, 8), (9, 5)]))
def test_the_operator_equals_lifting_an_image_of_features(seed: int, grid: tuple[int, int]):
    rng = np.random.default_rng(seed)
    vertices, superpoints = scene(rng)
    frames = [frame(index, rng) for index in range(3)]
    tokens = rng.normal(size=(3, *grid, 5))
    images = [
        interpolate(torch.tensor(one).permute(2, 0, 1)[None], SIZE, mode="bilinear")[0]
        .permute(1, 2, 0)
        .numpy()
        for one in tokens
    ]
    operator = dense_operator(frames, vertices, superpoints, grid, NEAR)
    lifted = apply(operator, tokens.reshape(-1, 5))
    expected = readable_lift(frames, images, vertices, superpoints, NEAR)
    assert np.abs(lifted.features - expected).max() < 1e-9


def paint(
    cover: list[np.ndarray], scores: np.ndarray, features: np.ndarray, overlap: str
) -> np.ndarray:
    """An image of instance features as the depth camera sees it; NaN under no mask.

    A depth pixel's centre falls on the corner of four colour pixels, and takes the last of them.
    """
    image = np.full((*SIZE, features.shape[1]), np.nan)
    for row, column in np.ndindex(SIZE):
        under = [m for m in range(len(cover)) if cover[m][2 * row + 1, 2 * column + 1]]
        if under and overlap == "smallest":
            image[row, column] = features[min(under, key=lambda m: cover[m].sum())]
        elif under:
            image[row, column] = np.average(features[under], axis=0, weights=scores[under])
    return image


@pytest.mark.parametrize("overlap", ["smallest", "weighted"])
@pytest.mark.parametrize("seed", range(4))
def test_instances_equal_lifting_an_image_of_their_features(seed: int, overlap: str):
    rng = np.random.default_rng(seed)
    vertices, superpoints = scene(rng)
    frames = [frame(index, rng) for index in range(3)]
    shares = ((0.6, 0.2, 0.4), (), (0.5,))
    covers = [[rng.random((12, 16)) < share for share in of_frame] for of_frame in shares]
    masks = masks_of(*covers, scores=[0.9, 0.5, 0.7, 0.8])
    scores = masks.predicted_iou.astype(np.float64)
    features = rng.normal(size=(4, 5))
    images = [
        paint(cover, scores[first:], features[first:], overlap)
        for cover, first in zip(covers, (0, 3, 3), strict=True)
    ]
    operator = instance_operator(frames, vertices, superpoints, masks, NEAR, overlap=overlap)
    expected = readable_lift(frames, images, vertices, superpoints, NEAR)
    assert np.abs(apply(operator, features).features - expected).max() < 1e-9


def test_of_masks_of_equal_area_the_better_one_wins():
    rng = np.random.default_rng(8)
    vertices, superpoints = scene(rng)
    whole = np.ones((12, 16), bool)
    masks = masks_of([whole, whole], scores=[0.9, 0.8])
    operator = instance_operator(
        [frame(0, rng)], vertices, superpoints, masks, NEAR, overlap="smallest"
    )
    assert set(operator.columns) == {0}


@pytest.mark.parametrize("legacy", [(), ("first_neighbours",)])
def test_rows_of_seen_superpoints_sum_to_one_and_others_are_empty(legacy):
    rng = np.random.default_rng(1)
    vertices, superpoints = scene(rng)
    vertices[superpoints.labels == 3] += 50
    masks = masks_of([rng.random((12, 16)) < 0.3], scores=[1.0])
    frames = [frame(0, rng)]
    dense = dense_operator(frames, vertices, superpoints, (2, 2), NEAR, legacy=legacy)
    instance = instance_operator(
        frames, vertices, superpoints, masks, NEAR, overlap="smallest", legacy=legacy
    )
    for operator in (dense, instance):
        ones = apply(operator, np.ones((int(operator.shape[1]), 1)))
        assert np.allclose(ones.features[ones.seen], 1)
        assert (ones.features[~ones.seen] == 0).all()
        assert not ones.seen[3]
    assert apply(dense, np.ones((4, 1))).seen.sum() > 3


def test_unseen_vertices_dilute_a_superpoint_only_when_asked_to():
    """One pixel reaches one of two vertices: the mean over seen ones is the token, else half."""
    rng = np.random.default_rng(3)
    depth = np.zeros(SIZE)
    depth[2, 3] = 1.0
    one = frame(0, rng, depth)
    there = unproject(one.depth, one.intrinsics, one.camera_to_world)[2, 3]
    vertices = np.stack([there, there + 5])
    superpoints = Superpoints(np.zeros(2, np.int64))
    token = np.full((1, 2), 6.0)
    right = dense_operator([one], vertices, superpoints, (1, 1), NEAR)
    assert apply(right, token).features.tolist() == [[6, 6]]
    diluted = dense_operator([one], vertices, superpoints, (1, 1), NEAR, legacy=("dilute_unseen",))
    assert apply(diluted, token).features.tolist() == [[3, 3]]


def test_a_frame_without_a_pose_and_depth_beyond_the_limit_reach_nothing():
    rng = np.random.default_rng(4)
    vertices, superpoints = scene(rng)
    lost = replace(frame(0, rng), camera_to_world=np.full((4, 4), -np.inf))
    far = LiftingConfig(radius_m=0.4, neighbours=4, max_depth_m=0.5)
    for frames, config in (([lost], NEAR), ([frame(0, rng)], far), ([], NEAR)):
        operator = dense_operator(frames, vertices, superpoints, (2, 2), config)
        assert operator.shape.tolist() == [12, 4 * len(frames)]
        assert not apply(operator, np.ones((4 * len(frames), 3))).seen.any()


def test_features_that_do_not_fit_are_refused():
    rng = np.random.default_rng(5)
    operator = dense_operator([frame(0, rng)], *scene(rng), (2, 2), NEAR)
    with pytest.raises(ValueError, match="lifts 4 features, 5 were given"):
        apply(operator, np.ones((5, 3)))


def test_masks_of_other_frames_are_refused():
    rng = np.random.default_rng(6)
    masks = masks_of([np.ones((12, 16), bool)], scores=[1.0])
    with pytest.raises(ValueError, match="frame 10 is number 0"):
        instance_operator([frame(10, rng)], *scene(rng), masks, NEAR, overlap="smallest")
    with pytest.raises(ValueError, match="0 frames were lifted"):
        instance_operator([], *scene(rng), masks, NEAR, overlap="smallest")


def test_features_keep_their_precision():
    rng = np.random.default_rng(7)
    operator = dense_operator([frame(0, rng)], *scene(rng), (2, 2), NEAR)
    for given_as, kept in (("float16", "float32"), ("float32", "float32"), ("float64", "float64")):
        assert apply(operator, np.ones((4, 3), given_as)).features.dtype == kept
