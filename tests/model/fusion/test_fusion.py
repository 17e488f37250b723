import torch

from hcfres.config.method import FusionConfig
from hcfres.model.fusion.fusion import Fusion, VisualFeatures
from hcfres.model.fusion.within_attention import AttentionWithin


def _config(within="attention", across="adaptive"):
    return FusionConfig(within_2d=within, across=across, gate="scalar", refine=True, fit="C")


def _visual(instances=True):
    seen = torch.rand(7) < 0.5
    return VisualFeatures(
        torch.randn(7, 10), seen, torch.randn(7, 10) if instances else None,
        ~seen if instances else None,
    )  # fmt: skip


def test_with_both_switches_off_the_sum_is_normalised():
    """Table III's plain row: LayerNorm(V_3d + MLP_dense + MLP_inst) (decision 20)."""
    fusion = Fusion(_config("add", "add"), 10, 8, 2, instances=True)
    geometry, visual = torch.randn(7, 8), _visual()
    fused = fusion(geometry, visual)
    total = geometry + fusion.dense(visual.dense) + fusion.instance(visual.instance)
    expected = torch.nn.functional.layer_norm(total, (8,))
    torch.testing.assert_close(fused.unified, expected)


def test_without_instances_there_is_nothing_within_2d_and_the_refinement_sees_dense():
    """Decision 20."""
    fusion = Fusion(_config(), 10, 8, 2, instances=False)
    assert not any(isinstance(module, AttentionWithin) for module in fusion.modules())
    visual = _visual(instances=False)
    fused = fusion(torch.randn(7, 8), visual)
    torch.testing.assert_close(fused.semantics, fusion.dense(visual.dense))
    assert torch.equal(fused.seen, visual.dense_seen)


def test_with_instances_the_refinement_sees_them():
    fusion = Fusion(_config(), 10, 8, 2, instances=True)
    visual = _visual()
    fused = fusion(torch.randn(7, 8), visual)
    torch.testing.assert_close(fused.semantics, fusion.instance(visual.instance))
    assert torch.equal(fused.seen, visual.instance_seen)
