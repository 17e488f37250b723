"""Each numbered equation of the paper has a test with numbers worked out by hand."""

import ast
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
BY_HAND = {
    1: "model/test_adapter.py::the_adapter_is_a_linear_map_a_norm_and_a_relu",
    2: "geometry/test_camera.py::a_pixel_lies_where_equation_2_says",
    3: "semantics/test_pooling.py::blur_of_a_single_pixel_follows_equation_3",
    4: "semantics/test_pooling.py::weighted_mean_follows_equation_4",
    5: "model/fusion/test_within.py::the_two_tokens_of_a_superpoint_attend_to_each_other",
    6: "model/fusion/test_across.py::one_weight_for_each_modality_and_they_sum_to_one",
}


@pytest.mark.parametrize("equation", BY_HAND)
def test_the_test_is_there_and_says_so(equation):
    file, _, name = BY_HAND[equation].partition("::")
    tree = ast.parse((TESTS / file).read_text())
    found = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    told = ast.get_docstring(found[f"test_{name}"]) or ""
    assert f"Eq. {equation}" in told
    assert "by hand" in told
