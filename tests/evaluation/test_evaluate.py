"""Evaluating a network on a split."""

from dataclasses import replace

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch

from hcfres.evaluation import evaluate
from hcfres.evaluation.answers import scene_answers, score
from hcfres.evaluation.evaluate import (
    AnswerRules,
    evaluate_cell,
    evaluate_weights,
    held_out_miou,
)
from hcfres.evaluation.predictions import PredictionSource
from hcfres.evaluation.recompute import evaluate_file
from hcfres.model.build import build_network
from tests.evaluation.small import MIN_POINTS, SmallRooms, make_cell

SOURCE = PredictionSource("multi3drefer", "1", "abc", "val", "gres", MIN_POINTS, "cell", 12)
RULES = AnswerRules("gres", MIN_POINTS)


@pytest.fixture(scope="module")
def rooms():
    return SmallRooms(1, 2)


@pytest.fixture(scope="module")
def network():
    cell = make_cell()
    torch.manual_seed(0)
    return build_network(cell.method, cell.setting.size, dense_width=5, text_width=7)


def test_the_file_written_gives_the_scores_returned(network, rooms, tmp_path):
    path = tmp_path / "predictions.parquet"
    scores = evaluate_cell(network, rooms, SOURCE, path)
    assert evaluate_file(path).flat() == scores.metrics.flat()
    assert scores.metrics.miou == pytest.approx(held_out_miou(network, rooms, RULES))
    asked = pq.read_table(path, columns=["scene_id", "ann_id"]).to_pylist()
    assert asked == [{"scene_id": s, "ann_id": i} for s in rooms.scene_ids for i in range(6)]


def test_weights_alone_are_answered_and_scored_as_a_cell_is(network, rooms, tmp_path):
    seen = []
    paths = tmp_path / "cell.parquet", tmp_path / "weights.parquet"
    scores = evaluate_cell(network, rooms, SOURCE, paths[0])
    alone = evaluate_weights(network, rooms, SOURCE, paths[1], lambda *told: seen.append(told))
    assert alone.flat() == scores.metrics.flat()
    assert pq.read_table(paths[1]).equals(pq.read_table(paths[0]))
    assert seen == [(1, 2, "scene0001_00"), (2, 2, "scene0002_00")]


def test_sentences_are_decoded_in_groups_with_the_same_answers(network, rooms, monkeypatch):
    together = held_out_miou(network, rooms, RULES)
    monkeypatch.setattr(evaluate, "TOGETHER", 4)
    assert held_out_miou(network, rooms, RULES) == pytest.approx(together)


def test_the_oracle_and_the_ceiling_are_perfect_in_these_rooms(network, rooms, tmp_path):
    flat = evaluate_cell(network, rooms, SOURCE, tmp_path / "p.parquet").flat()
    assert flat["class_oracle/all/miou"] == 1
    assert flat["best_superpoints/all/miou"] == 1
    assert flat["nothing/all/miou"] == flat["nothing/zt/count"] / flat["nothing/all/count"]
    assert "shuffled/all/miou" in flat


def test_an_evaluation_is_the_same_each_time(network, rooms, tmp_path):
    first, second = (
        evaluate_cell(network, rooms, SOURCE, tmp_path / f"{i}.parquet").flat() for i in range(2)
    )
    assert first == second


def test_no_sentence_keeps_its_place_when_shuffled():
    for count in range(2, 20):
        order = evaluate._derangement(count, np.random.default_rng(count)).numpy()
        assert sorted(order) == list(range(count))
        assert (order != np.arange(count)).all()


def test_a_scene_without_sentences_is_passed_over(network, tmp_path):
    source = replace(SOURCE, expressions=0)
    scores = evaluate_cell(network, SmallRooms(1, expressions=0), source, tmp_path / "p.parquet")
    assert scores.flat() == {}
    assert evaluate_file(tmp_path / "p.parquet").flat() == {}


def test_the_held_out_check_leaves_the_network_training(network, rooms):
    network.train()
    held_out_miou(network, rooms, RULES)
    assert network.training


def test_progress_is_told_scene_by_scene(network, rooms, tmp_path):
    told = []
    evaluate_cell(
        network, rooms, SOURCE, tmp_path / "p.parquet", progress=lambda *seen: told.append(seen)
    )
    assert told == [(1, 2, "scene0001_00"), (2, 2, "scene0002_00")]


def test_answers_of_one_expression_do_not_depend_on_the_others(network, rooms):
    batch, truth = rooms.whole("scene0001_00"), rooms.truth("scene0001_00")
    network.eval()
    with torch.no_grad():
        encoded = network.encode(batch.scenes)
        answers = scene_answers(network.decode(encoded, batch.text), "gres")
        alone = scene_answers(
            network.decode(encoded, evaluate._rows(batch.text, torch.tensor([3]))), "gres"
        )
    assert alone.union[0] == pytest.approx(answers.union[3], abs=1e-4)
    assert score(truth, answers.chosen, answers.fired.any(1), MIN_POINTS).ious.shape == (6,)
