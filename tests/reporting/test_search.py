"""A search in pictures: what is on their axes."""

import itertools

import numpy as np
import pytest

from hcfres.reporting.figures import save_png
from hcfres.reporting.search import Tried, Tuned, front, history, importances, slices
from tests.reporting.drawn import FORMULA, texts


def tried(number, miou, pruned=False, latency_ms=None, **values):
    return Tried(number, miou, pruned, latency_ms, values)


TRIED = [
    tried(0, 0.25, gate="scalar", rate=1.0),
    tried(1, 0.2, gate="channel", rate=10.0),
    tried(3, 0.1, pruned=True, gate="scalar", rate=3.0),
    tried(4, 0.5, gate="scalar", rate=5.0),
]


def lines(axes):
    return {line.get_label(): line.get_xydata().tolist() for line in axes.lines}


def test_the_history_shows_each_trial_the_pruned_ones_and_the_best_so_far():
    drawn = lines(history(TRIED, 0.25, "a search: rooms").axes[0])
    assert drawn["trained to the last epoch"] == [[0, 25], [1, 20], [4, 50]]
    assert drawn["pruned before"] == [[3, 10]]
    assert drawn["best so far"] == [[0, 25], [1, 25], [4, 50]]
    assert {y for _, y in drawn["the base"]} == {25}
    assert "a search: rooms" in texts(history(TRIED, None, "a search: rooms"))
    assert "the base" not in lines(history(TRIED, None, "a search").axes[0])


def test_titles_and_choices_are_no_mathematics(tmp_path):
    tuned = Tuned("gate", (FORMULA,), False)
    figures = [
        history(TRIED, 0.25, FORMULA),
        importances({"gate": 1.0}, FORMULA),
        slices([tried(0, 0.25, gate=FORMULA)], [tuned], FORMULA),
        front(TRIED, [], FORMULA),
    ]
    for figure in figures:
        save_png(figure, tmp_path / "drawn.png")
        assert FORMULA in texts(figure)


def test_what_matters_most_is_on_top():
    axes = importances({"fusion.gate": 0.25, "losses.sampling": 0.75}, "a search").axes[0]
    assert [text.get_text() for text in axes.get_yticklabels()] == [
        "fusion.gate",
        "losses.sampling",
    ]
    assert [bar.get_width() for bar in axes.patches] == [25, 75]


def test_a_slice_has_the_choices_in_their_order_or_a_scale():
    tuned = [Tuned("gate", ("scalar", "channel"), False), Tuned("rate", (), True)]
    gate, rate, _ = [*slices(TRIED, tuned, "a search").axes, None]
    places = gate.lines[0].get_xydata()
    assert np.round(places[:, 0]).tolist() == [0, 1, 0]
    assert places[:, 1].tolist() == [25, 20, 50]
    assert [text.get_text() for text in gate.get_xticklabels()] == ["scalar", "channel"]
    assert rate.lines[0].get_xydata().tolist() == [[1, 25], [10, 20], [5, 50]]
    assert rate.get_xscale() == "log"


def test_a_slice_has_no_trial_for_which_its_value_meant_nothing():
    gate, rate = Tuned("gate", ("scalar", "channel"), False), Tuned("rate", (), True)
    tries = [tried(0, 0.5, gate="channel"), tried(1, 0.25, gate="scalar", rate=2.0)]
    of_gate, of_rate = slices(tries, [gate, rate], "a search").axes
    assert of_gate.lines[0].get_xydata()[:, 1].tolist() == [50, 25]
    assert of_rate.lines[0].get_xydata().tolist() == [[2, 25]]
    nobody = slices(tries[:1], [rate, Tuned("gain", ("a", "b"), False)], "a search")
    assert [len(axes.lines[0].get_xydata()) for axes in nobody.axes] == [0, 0]


@pytest.mark.parametrize(
    "choices",
    [
        ("attention", "cross_attention", "add", "mean"),
        ("instance", "dense", "unified", "context_and_instance"),
        ("scalar", "channel", "channel_sigmoid"),
        ("true", "false"),
    ],
)
def test_names_of_choices_do_not_run_into_each_other(choices):
    tuned = [Tuned(name, choices, False) for name in "abc"]
    tries = [tried(0, 0.5, a=choices[0], b=choices[1], c=choices[0])]
    figure = slices(tries, tuned, "a search")
    figure.canvas.draw()
    for axes in figure.axes:
        for one, next_one in itertools.pairwise(axes.get_xticklabels()):
            assert are_apart(one, next_one)


def are_apart(one, other):
    """Whether two texts that are written at one angle do not touch."""
    angle = np.radians(one.get_rotation())
    if not angle:
        return one.get_window_extent().x1 < other.get_window_extent().x0
    step = other.get_window_extent().x1 - one.get_window_extent().x1
    line = one.get_fontsize() * one.figure.dpi / 72
    return step * np.sin(angle) > line


def test_four_values_are_two_rows_of_panels_and_none_is_left_empty():
    tuned = [Tuned(name, (), False) for name in "abcd"]
    figure = slices([tried(0, 0.5, a=1.0, b=1.0, c=1.0, d=1.0)], tuned, "a search")
    assert [axes.get_visible() for axes in figure.axes] == [True] * 4 + [False] * 2


def test_the_front_is_drawn_from_the_fastest_on_with_its_trials_named():
    timed = [
        tried(0, 0.5, latency_ms=30.0),
        tried(1, 0.4, latency_ms=10.0),
        tried(2, 0.3, latency_ms=20.0),
        tried(3, 0.9),
    ]
    figure = front(timed, [0, 1], "a search")
    drawn = lines(figure.axes[0])
    assert drawn["trials"] == [[30, 50], [10, 40], [20, 30]]
    assert drawn["none better in both"] == [[10, 40], [30, 50]]
    assert {"0", "1"} <= set(texts(figure))
