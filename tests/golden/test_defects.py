"""Each defect of the public code is tested as it is right, and as it was where that has a name."""

import ast
import tomllib
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from pydantic import ValidationError

from hcfres.config.loading import ConfigError, load, parse
from hcfres.config.method import Legacy
from hcfres.config.setting import LiftingConfig, SettingConfig, SizeConfig
from hcfres.data.features import Superpoints
from hcfres.data.scene import Frame
from hcfres.semantics.lifting import apply, dense_operator

from .networks import EXPERIMENTS, FULL

TESTS = Path(__file__).parents[1]
SOURCES = (TESTS.parent / "hcfres", TESTS.parent / "flows")
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
    "text_dropout": (
        "training/test_text.py::legacy_dropout_drops_other_units_each_time_and_teaches_the_encoder_nothing",
        "training/test_text.py::in_evaluation_the_encoder_of_the_network_says_what_is_stored",
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


RIGHT: dict[str, tuple[str, ...]] = {
    "a part's learning rate is stored and ignored": (
        "golden/test_defects.py::no_part_has_a_learning_rate_of_its_own",
        "training/test_schedule.py::every_group_gets_the_rate",
    ),
    "a batch of zero-target sentences divides by zero": (
        "objective/test_criterion.py::a_batch_with_only_zero_target_expressions_is_finite",
        "objective/test_masks.py::no_pair_is_no_loss",
    ),
    "a target without a superpoint breaks the loss": (
        "objective/test_criterion.py::a_target_that_owns_no_superpoint_is_left_out",
    ),
    "frozen modules return to training mode": (
        "model/test_network.py::a_frozen_backbone_neither_learns_nor_drifts",
        "training/test_optimizer.py::frozen_parts_stay_in_evaluation_mode_in_training",
    ),
    "the norm after cross-attention is computed and discarded": (
        "model/test_attention.py::cross_attention_adds_without_a_norm_unless_the_method_applies_one",
    ),
    "128 queries are written into the decoder": (
        "golden/test_defects.py::any_number_of_queries_up_to_that_of_the_seeds_is_taken",
        "model/test_network.py::padded_seeds_and_queries_change_nothing_for_the_real_ones",
    ),
    "a scan's files are looked up by a part of its name": (
        "data/test_dataset.py::a_scan_is_found_by_its_whole_name",
    ),
    "a test waits for a key": ("golden/test_defects.py::nothing_waits_for_a_key",),
    "the best epoch is chosen on what is reported": (
        "golden/test_defects.py::no_shipped_setting_chooses_an_epoch_by_validation",
    ),
    "unique and multiple are swapped": (
        "evaluation/test_unique_multiple.py::"
        "an_object_is_unique_when_no_other_one_of_its_scene_is_of_its_class",
    ),
    "the 1x1x1 weight is read as its shape says": (
        "model/sparse/test_layers.py::"
        "the_pointwise_weight_is_read_as_a_flat_matrix_not_as_its_shape_says",
    ),
}
"""What the public code, or a reader of it, gets wrong without our having a name for it."""


def test_every_legacy_name_is_tested_both_ways():
    assert TESTED.keys() == set(get_args(Legacy))


@pytest.mark.parametrize("name", TESTED | RIGHT)
def test_the_tests_exist(name):
    for place in (TESTED | RIGHT)[name]:
        file, _, test = place.partition("::")
        tree = ast.parse((TESTS / file).read_text())
        functions = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
        assert f"test_{test}" in functions


def test_no_part_has_a_learning_rate_of_its_own():
    """The public configurations multiply the text encoder's by 0.2, which nothing reads."""
    raw = tomllib.loads((EXPERIMENTS / "settings/scannet.toml").read_text())
    raw["training"]["lr_mult"] = {"text": 0.2}
    with pytest.raises(ConfigError, match=r"training\.lr_mult: unknown key"):
        parse(raw, SettingConfig, "a test")


def test_any_number_of_queries_up_to_that_of_the_seeds_is_taken():
    for queries in (1, 100, FULL.seeds):
        size = FULL.model_copy(update={"queries": queries})
        assert SizeConfig.model_validate(size.model_dump()).queries == queries
    with pytest.raises(ValidationError, match="queries 257 exceed the 256 seeds"):
        SizeConfig.model_validate(FULL.model_dump() | {"queries": 257})


def test_nothing_waits_for_a_key():
    waiting = {"input", "getpass.getpass", "typer.prompt", "typer.confirm", "Prompt.ask"}
    for path in sorted(file for folder in SOURCES for file in folder.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                assert ast.unparse(node.func) not in waiting, f"{path}:{node.lineno}"


@pytest.mark.parametrize("path", sorted((EXPERIMENTS / "settings").glob("*.toml")), ids=str)
def test_no_shipped_setting_chooses_an_epoch_by_validation(path):
    """The last epoch's weights are the headline; by validation only where a setting says so."""
    keep = load(path, SettingConfig).training.keep
    assert "last" in keep
    assert "best_validation" not in keep


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
