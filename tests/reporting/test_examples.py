"""Pictures of the same sentences under several methods."""

import hashlib

import numpy as np
import pytest

from hcfres.data.errors import DataError
from hcfres.reporting.examples import choose, example_masks, find_example
from hcfres.reporting.figures import save_png
from hcfres.reporting.panels import faded, without_gaps
from tests.evaluation.scenes import EXPRESSIONS, make_answers, make_scene
from tests.reporting.drawn import FORMULA, predictions, texts


def test_one_expression_of_each_group_is_chosen(tmp_path):
    chosen = choose(predictions(tmp_path / "p.parquet"))
    by_key = {expression.key: expression.eval_type for expression in EXPRESSIONS}
    assert [by_key[key] for key in chosen] == ["zt_w_d", "st_wo_d", "st_w_d", "mt"]


def test_the_choice_knows_no_prediction(tmp_path):
    first, second = (predictions(tmp_path / f"{n}.parquet", seed=n) for n in (0, 1))
    assert first.table["iou"].to_pylist() != second.table["iou"].to_pylist()
    assert choose(first) == choose(second)


def test_of_a_group_the_smallest_hash_is_chosen(tmp_path):
    told = predictions(tmp_path / "p.parquet")
    same = told.table.set_column(
        told.table.schema.get_field_index("eval_type"), "eval_type", [["mt"] * len(told.table)]
    )
    (chosen,) = choose(type(told)(told.source, same))
    hashes = {hashlib.sha256(e.key.encode()).hexdigest(): e.key for e in EXPRESSIONS}
    assert chosen == hashes[min(hashes)]


def test_an_example_is_what_the_file_says(tmp_path):
    told = predictions(tmp_path / "p.parquet")
    answers = make_answers()
    for index, expression in enumerate(EXPRESSIONS):
        example = find_example(told, expression.key)
        assert example.key == expression.key
        assert example.description == expression.description
        assert example.true.sum() == np.isin(make_scene().instances, expression.object_ids).sum()
        points = 0 if example.nothing else 10 * answers.chosen[index].sum()
        assert example.answered.sum() == points


def test_an_expression_that_a_file_lacks_is_an_error(tmp_path):
    told = predictions(tmp_path / "p.parquet")
    with pytest.raises(DataError, match=r"no expression scene0000_00\|9\|0"):
        find_example(told, "scene0000_00|9|0")


def test_the_figure_says_setting_sentences_rows_and_ious(tmp_path):
    rows = [(name, predictions(tmp_path / f"{name}.parquet", n)) for n, name in enumerate("AB")]
    read = []

    def read_scene(scene_id):
        read.append(scene_id)
        return make_scene()

    said = texts(example_masks(rows, read_scene, "Table III", "rooms"))
    assert read == ["scene0000_00"] * 4
    assert "Table III: validation expressions of rooms, drawn by lot" in said
    assert "“the coffee_table”" in said
    assert {"ground truth", "A", "B", "no such object", "1 target", "2 targets"} <= set(said)
    assert sum("IoU" in text for text in said) == 8


def test_sentences_titles_and_names_are_no_mathematics(tmp_path):
    told = predictions(tmp_path / "p.parquet")
    place = told.table.schema.get_field_index("description")
    said = told.table.set_column(place, "description", [[FORMULA] * len(told.table)])
    rows = [(FORMULA, type(told)(told.source, said))]
    figure = example_masks(rows, lambda _: make_scene(), FORMULA, "rooms")
    save_png(figure, tmp_path / "drawn.png")
    printed = {text.replace(r"\$", "$") for text in texts(figure)}
    assert {FORMULA, f"“{FORMULA}”"} <= printed


def test_gaps_between_points_are_closed_and_the_outside_stays_empty():
    image = np.full((40, 40, 3), 255, np.uint8)
    image[10:30:3, 10:30:3] = [10, 20, 30]
    filled = without_gaps(image)
    assert (filled[10:29, 10:29] == [10, 20, 30]).all()
    assert (filled[:8] == 255).all()
    empty = np.full((4, 4, 3), 255, np.uint8)
    assert (without_gaps(empty) == 255).all()


def test_a_faded_scene_has_the_same_shape_in_paler_colours():
    scene = make_scene()
    pale = faded(scene)
    assert (pale.colours > scene.colours).all()
    assert pale.vertices is scene.vertices
