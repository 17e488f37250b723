"""Figures as small files, and the curves and bars in them."""

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

import hcfres.reporting.figures
from hcfres.reporting.bars import PREDICTORS, predictor_scores, row_scores, score_bars
from hcfres.reporting.curves import Curve, training_curves
from hcfres.reporting.figures import save_png
from hcfres.reporting.palette import colours
from hcfres.training.journal import EpochReport
from tests.reporting.drawn import FORMULA, texts


def report(epoch, loss, miou):
    return EpochReport(epoch, 2, {"total": loss, "mask_bce": 1.0}, 0.5, 1e-3, miou, 1.0, 100.0, 0.0)


def test_even_a_picture_of_noise_stays_small(tmp_path, monkeypatch):
    monkeypatch.setattr(hcfres.reporting.figures, "LARGEST_BYTES", 20_000)
    figure = Figure(figsize=(2, 2))
    noise = np.random.default_rng(0).integers(0, 255, (220, 220, 3), np.uint8)
    figure.add_axes((0, 0, 1, 1)).imshow(noise, interpolation="nearest")
    path = save_png(figure, tmp_path / "deep" / "noise.png")
    assert path.stat().st_size <= 20_000
    assert 100 < Image.open(path).size[0] < 220


def test_a_curve_shows_every_epoch_and_the_checked_ones_in_per_cent():
    curve = Curve("✓ VSD", (report(0, 4.0, None), report(1, 3.0, 0.25)))
    figure = training_curves([curve], "Ablation", "rooms")
    losses, mious = figure.axes
    assert losses.lines[0].get_xydata().tolist() == [[1, 4.0], [2, 3.0]]
    assert mious.lines[0].get_xydata().tolist() == [[2, 25.0]]
    assert "Ablation: training on rooms" in texts(figure)


def test_seeds_of_a_row_share_its_colour_and_its_name():
    curves = [Curve(name, (report(0, 4.0, 0.1),)) for name in ("a", "a", "b")]
    losses = training_curves(curves, "t", "rooms").axes[0]
    first, second, third = (line.get_color() for line in losses.lines)
    assert first == second != third
    assert [text.get_text() for text in losses.get_legend().get_texts()] == ["a", "b"]


def test_colours_follow_the_order_of_appearance_and_come_again_after_eight():
    assert colours("ab") == colours("aab")
    many = colours(str(n) for n in range(9))
    assert many["0"] == many["8"]
    assert len(set(many.values())) == 8


def metrics(miou, where="val"):
    return {f"{where}/all/{score}": miou for score in ("miou", "acc_25", "acc_50")}


def test_the_rows_stand_between_trivial_predictors_and_oracles():
    yardsticks = metrics(0.11, "yardstick/nothing") | metrics(0.9, "yardstick/class_oracle")
    cell = metrics(0.3) | yardsticks
    bars = [row_scores("HCF-RES", [cell]), *predictor_scores([cell])]
    panel = score_bars(bars, "Table III", "rooms").axes[0]
    assert [text.get_text() for text in panel.get_yticklabels()] == [
        "always nothing",
        "HCF-RES",
        "oracle: all of the class",
    ]
    assert [round(bar.get_width(), 6) for bar in panel.patches] == [11.0, 30.0, 90.0]


def test_several_seeds_are_a_mean_with_its_spread():
    bars = [row_scores("HCF-RES", [metrics(0.2), metrics(0.4)])]
    figure = score_bars(bars, "t", "rooms")
    assert figure.axes[0].patches[0].get_width() == pytest.approx(30.0)
    assert "t: validation expressions of rooms" in texts(figure)


def test_titles_and_names_of_rows_are_no_mathematics(tmp_path):
    curves = training_curves([Curve(FORMULA, (report(0, 4.0, 0.1),))], FORMULA, "rooms")
    bars = score_bars([row_scores(FORMULA, [metrics(0.2)])], FORMULA, "rooms")
    for figure in (curves, bars):
        save_png(figure, tmp_path / "drawn.png")
        assert sum(FORMULA in text for text in texts(figure)) >= 2


def test_the_predictors_are_those_that_an_evaluation_scores():
    from hcfres.evaluation.baselines import PREDICTORS as SCORED  # noqa: PLC0415

    assert set(PREDICTORS) == set(SCORED)
