from dataclasses import replace

import jaxtyping
import pytest
import torch

from hcfres.data.batch import SceneBatch, TextBatch
from hcfres.model.build import build_network
from hcfres.model.output import answer
from hcfres.objective.criterion import Criterion

from .tiny import METHODS, SIZE, TEXT_WIDTH, VARIANTS, WIDTH, make_batch, make_scenes, make_text

ALL = METHODS | VARIANTS


def _network(method="hcf_res", size=SIZE):
    torch.manual_seed(0)
    return build_network(ALL[method], size, WIDTH, TEXT_WIDTH).eval()


def _only(scenes: SceneBatch, scene: int) -> SceneBatch:
    """One scene of a batch as a batch of its own."""
    starts = [sum(scenes.superpoint_counts[:i]) for i in range(len(scenes.superpoint_counts) + 1)]
    points = scenes.scene_of_point == scene
    rows = slice(starts[scene], starts[scene + 1])
    return SceneBatch(
        scene_ids=scenes.scene_ids[scene : scene + 1],
        coordinates=scenes.coordinates[points],
        voxels=scenes.voxels[points],
        features=scenes.features[points],
        scene_of_point=torch.zeros_like(scenes.scene_of_point[points]),
        superpoint_of_point=scenes.superpoint_of_point[points] - starts[scene],
        superpoint_counts=scenes.superpoint_counts[scene : scene + 1],
        dense=scenes.dense[rows],
        dense_seen=scenes.dense_seen[rows],
        instance=scenes.instance[rows],
        instance_seen=scenes.instance_seen[rows],
    )


@pytest.mark.parametrize("method", METHODS)
def test_every_row_of_the_tables_predicts_once_before_and_once_after_each_layer(method):
    batch = make_batch()
    output = _network(method)(batch.scenes, batch.text)
    assert len(output.layers) == 1 + METHODS[method].decoder.layers
    for layer in output.layers:
        assert layer.masks.shape == (3, SIZE.queries, 20)
        torch.testing.assert_close(layer.vision.norm(dim=-1), torch.ones(3, SIZE.queries))
        torch.testing.assert_close(layer.text.norm(dim=-1), torch.ones(3, 9))
    assert output.padded.sum(1).tolist() == [0, 0, 6]


@pytest.mark.parametrize("method", ALL)
def test_every_parameter_learns(method):
    network = _network(method).train()
    batch = make_batch()
    output = network(batch.scenes, batch.text)
    total = output.relevance.square().sum()
    for layer in output.layers:
        total = total + layer.masks.sin().sum() + layer.scores.sum() + layer.indicators.sum()
        total = total + layer.vision[..., 0].sum() + layer.text[..., 0].sum()
    total.backward()
    assert not [name for name, value in network.named_parameters() if value.grad is None]


@pytest.mark.parametrize("method", ALL)
def test_an_expressions_prediction_does_not_depend_on_what_else_is_in_the_batch(method):
    network = _network(method).double()
    batch = make_batch()
    scenes, text = _double(batch.scenes), _double(batch.text)
    together = network(scenes, text).layers[-1]
    for index, scene in enumerate(text.scene_of_expression.tolist()):
        length = int(text.valid[index].sum())
        alone_text = TextBatch(
            text.features[index : index + 1, :length],
            text.valid[index : index + 1, :length],
            torch.tensor([0]),
        )
        alone = network(_only(scenes, scene), alone_text).layers[-1]
        count = scenes.superpoint_counts[scene]
        torch.testing.assert_close(together.masks[index, :, :count], alone.masks[0])
        torch.testing.assert_close(together.indicators[index], alone.indicators[0])
        torch.testing.assert_close(together.text[index, :length], alone.text[0])


def _double(part):
    floats = {
        name: value.double()
        for name, value in vars(part).items()
        if isinstance(value, torch.Tensor) and value.is_floating_point()
    }
    return replace(part, **floats)


def test_a_scene_is_encoded_once_for_all_its_sentences():
    network = _network()
    calls = []
    network.encoder.backbone.register_forward_hook(lambda *_: calls.append("backbone"))
    network.encoder.fusion.register_forward_hook(lambda *_: calls.append("fusion"))
    encoding = network.encode(make_scenes())
    one = network.decode(encoding, make_text((0, 0, 1)))
    network.decode(encoding, make_text((1, 1)))
    assert calls == ["backbone", "fusion"]
    both = network(make_scenes(), make_text((0, 0, 1)))
    torch.testing.assert_close(one.layers[-1].masks, both.layers[-1].masks)


def test_known_geometry_spares_the_backbone():
    network, scenes, text = _network(), make_scenes(), make_text()
    geometry = network.encoder.geometry(scenes)
    network.encoder.backbone.register_forward_hook(lambda *_: pytest.fail("the U-Net ran"))
    network(scenes, text, geometry)


@pytest.mark.parametrize("method", METHODS)
def test_a_scene_with_fewer_superpoints_than_queries_has_padded_queries(method):
    batch = make_batch(counts=(4, 14), scene_of_expression=(0, 1, 1))
    output = _network(method)(batch.scenes, batch.text)
    assert output.queries_padded.sum(1).tolist() == [SIZE.queries - 4, 0, 0]
    assert output.seeds_padded.sum(1).tolist() == [SIZE.seeds - 4, 0, 0]
    assert all(layer.masks.isfinite().all() for layer in output.layers)


@pytest.mark.parametrize("method", ALL)
def test_padded_seeds_and_queries_change_nothing_for_the_real_ones(method):
    scenes, text = _double(make_scenes(counts=(4,))), _double(make_text((0, 0)))
    large = _network(method).double()
    size = SIZE.model_copy(update={"seeds": 4, "queries": 4})
    exact = _network(method, size).double()
    exact.load_state_dict(large.state_dict())
    padded, tight = large(scenes, text), exact(scenes, text)
    for one, other in zip(padded.layers, tight.layers, strict=True):
        torch.testing.assert_close(one.masks[:, :4], other.masks)
        torch.testing.assert_close(one.indicators[:, :4], other.indicators)
        torch.testing.assert_close(one.text, other.text)


@pytest.mark.parametrize("method", ALL)
def test_one_superpoint_and_one_token_are_enough(method):
    scenes, text = make_scenes(counts=(1,), points=3), make_text((0,), tokens=1)
    output = _network(method)(scenes, text)
    assert output.layers[-1].masks.isfinite().all()


def test_a_batch_without_expressions_has_no_predictions():
    output = _network()(make_scenes(), make_text((), tokens=4))
    assert output.layers[-1].masks.shape[0] == 0


def test_a_sentence_without_tokens_is_refused():
    text = make_text((0, 0, 1))
    text.valid[1] = False
    with pytest.raises(ValueError, match=r"expressions \[1\] of the batch have no valid token"):
        _network()(make_scenes(), text)


def test_a_sentence_about_no_scene_of_the_batch_is_refused():
    with pytest.raises(ValueError, match=r"scene_of_expression \[0, 2\] does not fit 2 scenes"):
        _network()(make_scenes(), make_text((0, 2)))


def test_a_scene_without_superpoints_is_refused():
    scenes = replace(make_scenes(), superpoint_counts=(34, 0))
    with pytest.raises(ValueError, match="no superpoints in scene0001_00"):
        _network()(scenes, make_text())


def test_features_that_the_method_needs_and_the_batch_lacks_are_named():
    scenes = replace(make_scenes(), instance=None, instance_seen=None)
    with pytest.raises(ValueError, match="fuses instance features, but the batch has none"):
        _network("hcf_res")(scenes, make_text())
    scenes = replace(scenes, dense=None, dense_seen=None)
    with pytest.raises(ValueError, match="fuses 2D features, but the batch has no dense ones"):
        _network("ipdn")(scenes, make_text())
    _network("mdin")(scenes, make_text())


def test_a_frozen_backbone_neither_learns_nor_drifts():
    network = _network()
    network.freeze_backbone()
    network.train()
    before = {n: v.clone() for n, v in network.encoder.backbone.state_dict().items()}
    output = network(make_scenes(), make_text())
    output.layers[-1].masks.sum().backward()
    after = network.encoder.backbone.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert all(p.grad is None for p in network.encoder.backbone.parameters())
    assert network.encoder.adapter.training


@pytest.fixture
def unchecked_shapes():
    """Shapes are checked by the other tests; here the checks would take most of the time."""
    before = jaxtyping.config.jaxtyping_disable
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", before)


@pytest.mark.usefixtures("unchecked_shapes")
@pytest.mark.parametrize(
    ("method", "steps"), [("hcf_res", 100), pytest.param("mdin", 150, marks=pytest.mark.slow)]
)
def test_it_learns_one_small_scene_by_heart(method, steps):
    """Three sentences, one of them about nothing: IoU over 0.95 and nothing fires for the empty."""
    torch.manual_seed(0)
    batch = make_batch(counts=(24,), scene_of_expression=(0, 0, 0))
    network = build_network(METHODS[method], SIZE, WIDTH, TEXT_WIDTH).train()
    # Zero-target is learned last; a larger weight lets a test of seconds see it.
    criterion = Criterion(METHODS[method].losses.model_copy(update={"indicator": 0.5}))
    optimizer = torch.optim.AdamW(network.parameters(), lr=5e-3)
    decay = torch.optim.lr_scheduler.PolynomialLR(optimizer, total_iters=steps)
    for _ in range(steps):
        losses = criterion(network(batch.scenes, batch.text), batch)
        optimizer.zero_grad()
        losses.total.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        decay.step()
    ious = _ious(network, batch)
    assert ious[0] > 0.95
    assert ious[2] > 0.95
    assert not answer(network(batch.scenes, batch.text)).fired[1].any()


def _ious(network, batch) -> list[float]:
    """IoU with the union of the targets; 0 for an empty answer."""
    found = answer(network(batch.scenes, batch.text)).logits >= 0
    truth = torch.stack(
        [torch.isin(batch.targets.instance_of_superpoint, torch.tensor(ids or (-9,)))
         for ids in batch.targets.object_ids]
    )  # fmt: skip
    common, either = (found & truth).sum(1), (found | truth).sum(1)
    return (common / either.clamp(min=1)).tolist()
