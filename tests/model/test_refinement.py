import torch

from hcfres.model.refinement import InstanceRefinement
from hcfres.model.sharing import SharedScenes, Sharing


def _scenes(features, hidden):
    return SharedScenes(features, hidden, Sharing.among(torch.tensor([0, 1]), 2))


def test_queries_gather_from_seen_instances_of_their_own_scene_only():
    refinement = InstanceRefinement(8, 2, None).double()
    queries = torch.randn(2, 3, 8, dtype=torch.float64)
    features = torch.randn(2, 4, 8, dtype=torch.float64)
    hidden = torch.tensor([[False, True, False, True], [False, False, False, True]])
    before = refinement(queries, _scenes(features, hidden))
    changed = features.masked_fill(hidden[..., None], 7.0)
    torch.testing.assert_close(refinement(queries, _scenes(changed, hidden)), before)
    changed = features.clone()
    changed[1, 0] += 1
    after = refinement(queries, _scenes(changed, hidden))
    torch.testing.assert_close(after[0], before[0])
    assert not torch.allclose(after[1], before[1])


def test_the_result_is_a_normalised_residual():
    refinement = InstanceRefinement(8, 2, None)
    queries, features = torch.randn(2, 3, 8), torch.randn(2, 4, 8)
    scenes = _scenes(features, torch.zeros(2, 4, dtype=torch.bool))
    attended = refinement.attn(queries, refinement.attn.remember(features))
    expected = torch.nn.functional.layer_norm(queries + attended, (8,))
    torch.testing.assert_close(refinement(queries, scenes), expected)
