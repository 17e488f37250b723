"""Our lifting of 2D features and our farthest point sampling are the public code's."""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from hcfres.config.method import Legacy
from hcfres.config.setting import LiftingConfig
from hcfres.data.features import LiftingOperator, SuperpointFeatures, Superpoints
from hcfres.data.scene import Frame
from hcfres.geometry.sampling import farthest_points
from hcfres.semantics.lifting import apply, dense_operator

from .case import EXACT, LIMIT, Case, Finding

_IN_FLOAT32_M = 1e-6
"""The public kernel measures in float32, and leaves the order of equal distances open."""


def check_lifting(case: Case) -> Iterator[Finding]:
    """Features of vertices and superpoints, and which of them were seen."""
    points = Superpoints(np.arange(len(case["in.points"]), dtype=np.int64))
    seen = _lifted(case, points, ("first_neighbours",))
    pair = torch.from_numpy(seen.features), case["out.point_features"]
    yield case.finding("features of vertices", [pair], LIMIT)
    pair = torch.from_numpy(seen.seen), case["out.point_seen"].bool()
    yield case.finding("vertices seen", [pair], EXACT)
    superpoints = Superpoints(case["in.superpoint"].long().numpy())
    diluted = _lifted(case, superpoints, ("first_neighbours", "dilute_unseen"))
    pair = torch.from_numpy(diluted.features), case["out.superpoint_legacy"]
    yield case.finding("superpoints, unseen vertices as zeros", [pair], LIMIT)
    of_seen = _lifted(case, superpoints, ("first_neighbours",))
    pair = torch.from_numpy(of_seen.features), case["out.superpoint_seen_mean"]
    yield case.finding("superpoints, mean of seen vertices", [pair], LIMIT)
    pair = torch.from_numpy(of_seen.seen), case["out.superpoint_n_seen"] > 0
    yield case.finding("superpoints seen", [pair], EXACT)


def check_sampling(case: Case) -> Iterator[Finding]:
    """The seeds of each cloud; equal distances may be ordered otherwise, distances not."""
    pairs = []
    for number in range(len(case.about["cases"])):
        points = case.tensors[f"case{number}.points"].numpy()
        theirs = case[f"case{number}.indices"].long()
        ours = torch.from_numpy(farthest_points(points, len(theirs), skips_origin=True))
        if not torch.equal(ours, theirs):
            ours, theirs = _distances(points, ours), _distances(points, theirs)
            pairs.append((ours, theirs))
        else:
            pairs.append((ours.double(), theirs.double()))
    yield case.finding(f"seeds of {len(pairs)} clouds", pairs, _IN_FLOAT32_M)


def _distances(points: np.ndarray, chosen: Tensor) -> Tensor:
    """How far each chosen point is from those chosen before it, metres."""
    places = torch.from_numpy(points).double()[chosen]
    away = torch.cdist(places, places)
    return torch.stack([away[i, :i].min() for i in range(1, len(chosen))])


def _lifted(case: Case, superpoints: Superpoints, legacy: tuple[Legacy, ...]) -> SuperpointFeatures:
    about, side = case.about, case.about["token_grid"]
    config = LiftingConfig(radius_m=about["radius"], neighbours=about["K"], max_depth_m=20.0)
    vertices = case.tensors["in.points"].numpy()
    operator: LiftingOperator = dense_operator(
        _frames(case), vertices, superpoints, (side, side), config, legacy=legacy
    )
    return apply(operator, case["in.tokens"].reshape(-1, about["D"]).numpy())


def _frames(case: Case) -> list[Frame]:
    intrinsics = case["in.intrinsic_depth"].numpy()[:3, :3]
    rows = zip(case["in.frame_ids"], case["in.depth_mm"], case["in.poses"], strict=True)
    return [
        Frame(
            int(index),
            np.zeros((*depth.shape, 3), np.uint8),
            (depth.numpy() / 1000).astype(np.float32),
            intrinsics,
            pose.numpy(),
        )
        for index, depth, pose in rows
    ]
