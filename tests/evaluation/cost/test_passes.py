"""The passes that are timed."""

import numpy as np
import pytest
import torch

from hcfres.evaluation.answers import scene_answers
from hcfres.evaluation.cost import passes
from hcfres.evaluation.cost.definitions import PARTS, Part
from hcfres.evaluation.cost.passes import Laps, Question, telling
from hcfres.evaluation.cost.subject import let_all_prompt
from hcfres.language.trained import TrainedText

from .small import SENTENCES, make_answerer, make_scene
from .work import Work

CPU = torch.device("cpu")


def make_question():
    """Two sentences about a generated scene."""
    return Question(make_scene(), SENTENCES)


@pytest.fixture(autouse=True)
def _without_gradient():
    with torch.no_grad():
        yield


def test_every_part_says_what_it_is():
    assert list(PARTS) == list(Part)


def test_a_pass_gives_what_evaluation_gives():
    answerer, question = make_answerer(), make_question()
    for parameter in answerer.network.parameters():
        parameter.add_(0.3 * torch.randn_like(parameter))
    let_all_prompt(answerer.network)
    found = answerer.whole(question)
    text = answerer._tokens(SENTENCES, CPU)
    theirs = scene_answers(answerer.network(question.scene, text), "gres")
    labels = question.scene.superpoint_of_point.numpy()
    assert np.array_equal(found, theirs.chosen[:, labels])
    assert found.any()
    assert not found.all()


def test_an_answer_of_too_few_vertices_is_none():
    answerer, question = make_answerer(least=10**6), make_question()
    let_all_prompt(answerer.network)
    assert not answerer.whole(question).any()


def test_the_parts_of_a_pass_come_in_order_and_leave_no_gap(monkeypatch):
    answerer, question = make_answerer(), make_question()
    with Work() as clock:
        monkeypatch.setattr(passes, "time", clock)
        laps = Laps(CPU)
        with telling(answerer.network, laps.begin):
            answerer.whole(question, laps.begin)
        spent = laps.end()
    assert list(spent) == list(Part)
    assert min(spent.values()) > 0
    assert sum(spent.values()) == clock.done


def test_a_text_encoder_that_learns_is_the_networks_and_runs_once():
    answerer, question = make_answerer(), make_question()
    network = answerer.network
    frozen = answerer.whole(question)
    network.text_encoder = TrainedText(answerer.text.network)
    runs: list[int] = []
    hook = network.text_encoder.network.register_forward_hook(lambda *_: runs.append(1))
    laps = Laps(CPU)
    with telling(network, laps.begin):
        owned = answerer.whole(question, laps.begin)
    hook.remove()
    assert np.array_equal(owned, frozen)
    assert runs == [1]
    assert list(laps.end()) == list(Part)


def test_nothing_is_told_once_nobody_listens():
    answerer, question = make_answerer(), make_question()
    heard: list[Part] = []
    with telling(answerer.network, heard.append):
        answerer.whole(question)
    assert heard == [Part.UNET, Part.FUSION, Part.SELECTION, Part.DECODER]
    answerer.whole(question)
    assert len(heard) == 4


def test_a_scene_that_is_forgotten_has_its_neighbours_looked_up_again():
    answerer, question = make_answerer(), make_question()
    known = answerer.network.encoder.backbone.known
    answerer.encode(question)
    assert len(known) == 1
    answerer.forget_scene()
    assert len(known) == 0
