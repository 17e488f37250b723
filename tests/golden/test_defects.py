"""Each defect of the public code that has a legacy name is tested as it was, and as it is right."""

import ast
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from hcfres.config.method import Legacy
from hcfres.config.setting import LiftingConfig
from hcfres.data.features import Superpoints
from hcfres.data.scene import Frame
from hcfres.semantics.lifting import apply, dense_operator

TESTS = Path(__file__).parents[1]
WITHOUT_EFFECT = {"text_dropout"}
"""Names that no code reads yet: features of sentences are computed once, without dropout."""

TESTED: dict[str, tuple[str, str]] = {
    "target_indexing": (
        "objective/test_masks.py::with_the_legacy_indexing_the_second_object_is_compared_with_the_first",
        "objective/test_masks.py::every_pair_is_compared_with_its_own_object",
    ),
    "centre_crop": (
        "semantics/test_clip.py::the_legacy_crop_is_a_square_stretched_over_the_frame",
        "semantics/test_clip.py::a_token_describes_its_own_place_up_to_the_border",
    ),
    "dilute_unseen": (
        "semantics/test_lifting.py::unseen_vertices_dilute_a_superpoint_only_when_asked_to",
        "semantics/test_lifting.py::the_operator_equals_lifting_an_image_of_features",
    ),
    "first_neighbours": (
        "golden/test_defects.py::the_legacy_query_takes_the_first_vertices_in_the_files_order",
        "golden/test_defects.py::the_query_takes_the_nearest_vertices_whatever_their_order",
    ),
    "fps_skips_origin": (
        "model/test_selection.py::the_legacy_sampling_skips_superpoints_near_the_origin_and_repeats",
        "model/test_selection.py::a_small_scene_has_padded_seeds_instead_of_repeated_ones",
    ),
    "padded_tokens_in_contrastive": (
        "objective/test_contrastive.py::it_equals_the_definition_written_out_token_by_token",
        "objective/test_contrastive.py::padded_tokens_and_padded_queries_change_nothing",
    ),
    "dropped_slab": (
        "model/test_backbone.py::a_dropped_slab_hears_nothing_from_the_coarser_levels",
        "model/test_backbone.py::the_grid_is_rounded_up_so_that_every_voxel_has_a_parent",
    ),
    "dead_heads": (
        "golden/test_parameters.py::with_the_text_encoder_the_totals_are_the_published_ones",
        "golden/test_parameters.py::the_presets_own_nothing_that_is_never_used",
    ),
}
"""The test of the public code's behaviour, and that of ours."""


def test_every_legacy_name_is_tested_both_ways():
    assert TESTED.keys() | WITHOUT_EFFECT == set(get_args(Legacy))


@pytest.mark.parametrize("name", TESTED)
def test_the_tests_exist(name):
    for place in TESTED[name]:
        file, _, test = place.partition("::")
        tree = ast.parse((TESTS / file).read_text())
        functions = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
        assert f"test_{test}" in functions


def _lifted(order, legacy=()):
    """What each of three vertices gets that a pixel at 1 m reaches, one neighbour to a pixel."""
    near = np.array([[0, 0, 1.03], [0, 0, 1.01], [0, 0, 1.02]], np.float32)
    frame = Frame(
        0,
        np.zeros((1, 1, 3), np.uint8),
        np.ones((1, 1), np.float32),
        np.array([[1.0, 0, 0], [0, 1, 0], [0, 0, 1]]),
        np.eye(4),
    )
    config = LiftingConfig(radius_m=0.04, neighbours=1, max_depth_m=20.0)
    superpoints = Superpoints(np.arange(3))
    operator = dense_operator([frame], near[order], superpoints, (1, 1), config, legacy=legacy)
    return apply(operator, np.ones((1, 1))).seen.tolist()


def test_the_legacy_query_takes_the_first_vertices_in_the_files_order():
    legacy = ("first_neighbours",)
    assert _lifted([0, 1, 2], legacy) == [True, False, False]
    assert _lifted([1, 2, 0], legacy) == [True, False, False]


def test_the_query_takes_the_nearest_vertices_whatever_their_order():
    assert _lifted([0, 1, 2]) == [False, True, False]
    assert _lifted([2, 0, 1]) == [False, False, True]
