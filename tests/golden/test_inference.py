"""Our answers are the public code's, by both rules."""

import pytest
import torch

from hcfres.model.output import NOTHING_LOGIT, LayerOutput, NetworkOutput, answer

from .public import read


@pytest.mark.parametrize("rule", ["gres", "res"])
def test_the_unions_logits_and_points_are_the_public_codes(golden, rule):
    case = read(golden, "inference_a")
    masks, indicators = case["masks"], case["indis"]
    count, queries, superpoints = masks.shape
    none = torch.zeros(count, queries, dtype=torch.long)
    unit = torch.nn.functional.normalize(torch.ones(count, queries, 2).double(), dim=-1)
    layer = LayerOutput(masks, indicators[..., 0], indicators, unit, unit)
    found = answer(
        NetworkOutput(
            layers=(layer,),
            relevance=indicators[..., 0],
            seeds=none,
            seeds_padded=none.bool(),
            selected=none,
            queries_padded=none.bool(),
            centroids=torch.zeros(count, superpoints, 3).double(),
            padded=torch.zeros(count, superpoints, dtype=torch.bool),
        ),
        rule,
    )
    fires = found.fired.any(1)
    theirs = case[f"{rule}.superpoint_logit"]
    torch.testing.assert_close(found.logits[fires], theirs[fires], atol=1e-12, rtol=0)
    assert (found.logits[~fires] == NOTHING_LOGIT).all()
    of_point = case["superpoints"].long()
    points = (found.logits > 0).gather(1, of_point.expand(count, -1))
    assert torch.equal(points, case[f"{rule}.point_mask"].bool())
    if rule == "gres":
        enough = points.sum(1) >= 50
        assert torch.equal(~(fires & enough), case["gres.nt_label"].bool())
    else:
        assert found.fired.sum(1).eq(1).all()
