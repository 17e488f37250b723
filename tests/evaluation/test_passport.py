"""What is said of a number."""

import json
from dataclasses import replace

import pytest

from hcfres.data.errors import DataError
from hcfres.evaluation.passport import (
    COMPARED,
    Given,
    Passport,
    differences,
    given_of,
    passports_json,
    read_passports,
)
from hcfres.evaluation.predictions import PredictionSource
from tests.evaluation.small import METHOD

POINT = Passport("point", (0.25, 0.5), True, 50, "multi3drefer", "val", "ab" * 32, given_of(METHOD))


def test_a_passport_is_said_in_a_line():
    assert str(POINT) == (
        "point-level IoU above 0.25 and 0.5, fewer than 50 vertices are no answer; "
        "multi3drefer val abababababab; given: frames"
    )


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (Given(), "not said"),
        (Given(False, False, False, False), "nothing else"),
        (Given(True, True, True, True), "frames, ground-truth masks, viewpoint, an LLM"),
        (Given(frames=True), "frames (not said: ground-truth masks, viewpoint, an LLM)"),
    ],
)
def test_what_a_method_was_given_is_said(given, said):
    assert str(given) == said


def test_a_method_without_images_was_given_no_frames():
    bare = METHOD.model_copy(update={"semantics": None, "fusion": None})
    assert given_of(bare).frames is False
    assert given_of(METHOD) == Given(True, False, False, False)


OTHER = {
    "level": "box",
    "thresholds": (0.5,),
    "strict": False,
    "min_points": 0,
    "dataset": "scanrefer",
    "split": "train",
    "split_hash": "cd" * 32,
}


def test_every_compared_field_is_named_with_both_values():
    assert OTHER.keys() == set(COMPARED)
    for name, value in OTHER.items():
        other = replace(POINT, **{name: value})
        assert differences(POINT, other) == (f"{name} ({getattr(POINT, name)} / {value})",)
    assert differences(POINT, replace(POINT, given=Given())) == ()


def test_passports_survive_json():
    text = json.dumps(passports_json((POINT, replace(POINT, level="box"))))
    assert read_passports("here", text) == (POINT, replace(POINT, level="box"))


@pytest.mark.parametrize("change", [{"level": "voxel"}, {"strict": "yes"}, {"min_points": None}])
def test_a_passport_with_an_impossible_value_is_refused(change):
    told = passports_json((POINT,))
    told[0] |= change
    with pytest.raises(DataError, match=rf"results.json: no passports: 0\.{next(iter(change))}"):
        read_passports("results.json", json.dumps(told))


def test_a_file_has_a_passport_for_each_level_it_can_be_scored_at():
    source = PredictionSource("multi3drefer", "1", "h", "val", "gres", 50, "key", 3)
    point, box = source.passports
    assert (point.level, point.strict, point.min_points) == ("point", True, 50)
    assert (box.level, box.strict, box.min_points) == ("box", False, 0)
    assert [p.level for p in replace(source, holds="union").passports] == ["point"]
    assert [p.level for p in replace(source, holds="boxes").passports] == ["box"]
    assert replace(source, rule="res").passport("point").min_points == 0
