import pytest
import torch

from hcfres.model.fusion.fusion import Fusion, VisualFeatures, VisualWidths
from hcfres.model.fusion.within_attention import AttentionWithin

from ..tiny import make_method, make_packing_of

PACKING = make_packing_of((4, 3))


def _fusion(instances=True, instance_width=10, **changes):
    config = make_method(**changes).fusion
    assert config is not None
    return Fusion(config, VisualWidths(10, instance_width if instances else None), 8, 2)


def _visual(instances=True, instance_width=10):
    seen = torch.rand(7) < 0.5
    return VisualFeatures(
        torch.randn(7, 10), seen, torch.randn(7, instance_width) if instances else None,
        ~seen if instances else None,
    )  # fmt: skip


def test_with_both_switches_off_the_sum_is_normalised():
    """Table III's plain row: LayerNorm(V_3d + MLP_dense + MLP_inst) (decision 20)."""
    fusion = _fusion(within_2d="add", across="add")
    geometry, visual = torch.randn(7, 8), _visual()
    fused = fusion(geometry, visual, PACKING)
    total = geometry + fusion.dense(visual.dense) + fusion.instance(visual.instance)
    expected = torch.nn.functional.layer_norm(total, (8,))
    torch.testing.assert_close(fused.unified, expected)
    assert fused.weights is None


def test_without_instances_there_is_nothing_within_2d_and_the_refinement_sees_dense():
    """Decision 20."""
    fusion = _fusion(instances=False)
    assert not any(isinstance(module, AttentionWithin) for module in fusion.modules())
    visual = _visual(instances=False)
    fused = fusion(torch.randn(7, 8), visual, PACKING)
    torch.testing.assert_close(fused.semantics, fusion.dense(visual.dense))
    assert torch.equal(fused.seen, visual.dense_seen)


@pytest.mark.parametrize("refine_with", ["instance", "context_and_instance"])
def test_with_instances_the_refinement_sees_them(refine_with):
    fusion = _fusion(refine_with=refine_with)
    visual = _visual()
    fused = fusion(torch.randn(7, 8), visual, PACKING)
    torch.testing.assert_close(fused.semantics, fusion.instance(visual.instance))
    assert torch.equal(fused.seen, visual.instance_seen)


def test_the_refinement_may_see_dense_features_or_the_unified_ones_instead():
    """Decision 21."""
    geometry, visual = torch.randn(7, 8), _visual()
    fusion = _fusion(refine_with="dense")
    fused = fusion(geometry, visual, PACKING)
    torch.testing.assert_close(fused.semantics, fusion.dense(visual.dense))
    assert torch.equal(fused.seen, visual.dense_seen)
    fused = _fusion(refine_with="unified")(geometry, visual, PACKING)
    assert fused.semantics is fused.unified
    assert fused.seen.all()


def test_the_weights_of_equation_6_come_out_for_every_superpoint():
    fusion = _fusion()
    geometry, visual = torch.randn(7, 8), _visual()
    fused = fusion(geometry, visual, PACKING)
    assert fused.weights is not None
    assert fused.weights.shape == (7, 2, 1)
    torch.testing.assert_close(fused.weights.sum(1), torch.ones(7, 1))


def test_instance_features_may_have_a_width_of_their_own():
    fusion = _fusion(instance_width=6)
    fused = fusion(torch.randn(7, 8), _visual(instance_width=6), PACKING)
    assert fused.unified.isfinite().all()
