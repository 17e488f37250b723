"""Our decoders against the loops of the ancestors' code, over the same weights."""

from dataclasses import replace

import pytest
import torch

from hcfres.data.batch import SceneBatch, TextBatch
from hcfres.model.build import build_network
from hcfres.model.network import HcfRes
from hcfres.model.prompts import PROMPT_PROBABILITY

from .loops import predict_in_loops
from .tiny import METHODS, SIZE, TEXT_WIDTH, WIDTH, make_scenes, make_text

FIELDS = ("masks", "scores", "indicators", "vision", "text")
BATCHES = {
    "one scene, one sentence": ((15,), (0,)),
    "scenes of one size": ((13, 13), (0, 0, 1, 1)),
    "scenes and sentences of different number": ((20, 14, 12), (0, 0, 1, 2, 2, 2)),
}


def _network(method: str) -> HcfRes:
    """In double precision, with an indicator that makes prompts of some queries, not of all."""
    torch.manual_seed(3)
    network = build_network(METHODS[method], SIZE, WIDTH, TEXT_WIDTH).eval().double()
    with torch.no_grad():
        network.decoder.heads.indi_embedding[-1].weight.mul_(40)
        for name, value in network.named_parameters():
            if name.endswith((".bias", "norm.weight")):
                value.add_(0.1 * torch.randn_like(value))
        network.decoder.heads.indi_embedding[-1].bias[1] += 8.5
    return network


def _double(batch):
    tensors = {
        name: value for name, value in vars(batch).items() if isinstance(value, torch.Tensor)
    }
    return replace(batch, **{n: t.double() for n, t in tensors.items() if t.is_floating_point()})


def _batch(name: str) -> tuple[SceneBatch, torch.Tensor, TextBatch]:
    counts, scene_of_expression = BATCHES[name]
    geometry = torch.randn(sum(counts), SIZE.backbone_channels, generator=torch.Generator())
    scenes, text = make_scenes(counts), make_text(scene_of_expression)
    return _double(scenes), geometry.double(), _double(text)


def _judged(layers) -> torch.Tensor:
    """One number that every output enters."""
    return sum(getattr(layer, name).sin().sum() for layer in layers for name in FIELDS)


@pytest.mark.parametrize("batch", BATCHES)
@pytest.mark.parametrize("method", ["mdin", "ipdn"])
def test_the_decoders_predict_what_the_loops_predict(method, batch):
    network, (scenes, geometry, text) = _network(method), _batch(batch)
    ours = network(scenes, text, geometry).layers
    theirs = predict_in_loops(network, scenes, geometry, text)
    assert len(ours) == len(theirs)
    for one, other in zip(ours, theirs, strict=True):
        for name in FIELDS:
            torch.testing.assert_close(getattr(one, name), getattr(other, name))


@pytest.mark.parametrize("method", ["mdin", "ipdn"])
def test_the_decoders_learn_what_the_loops_learn(method):
    network, (scenes, geometry, text) = _network(method), _batch(list(BATCHES)[-1])
    gradients = []
    for predict in (
        lambda: network(scenes, text, geometry).layers,
        lambda: predict_in_loops(network, scenes, geometry, text),
    ):
        network.zero_grad()
        _judged(predict()).backward()
        learned = [(n, p.grad) for n, p in network.named_parameters() if p.grad is not None]
        gradients.append({name: grad.clone() for name, grad in learned})
    assert gradients[0].keys() == gradients[1].keys()
    assert any(name.startswith("encoder.mask_features") for name in gradients[0])
    for name, ours in gradients[0].items():
        torch.testing.assert_close(ours, gradients[1][name], msg=lambda m, n=name: f"{n}: {m}")


def test_what_is_compared_has_prompts_and_queries_that_are_none():
    network, (scenes, geometry, text) = _network("ipdn"), _batch(list(BATCHES)[-1])
    chances = network(scenes, text, geometry).layers[1].indicators.softmax(-1)[..., 1]
    likely = chances > PROMPT_PROBABILITY
    assert likely.any()
    assert not likely.all()
