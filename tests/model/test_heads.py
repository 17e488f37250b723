import torch

from hcfres.model.heads import outside_mask


def test_queries_look_inside_their_mask_and_everywhere_when_it_is_empty():
    masks = torch.tensor([[[1.0, -1.0, 0.0], [-1.0, -2.0, 0.0], [-1.0, 2.0, 0.0]]])
    padded = torch.tensor([[False, False, True]])
    blocked = outside_mask(masks, padded)
    assert blocked[0].int().tolist() == [[0, 1, 1], [0, 0, 1], [1, 0, 1]]


def test_no_gradient_runs_through_the_choice_of_where_to_look():
    masks = torch.randn(1, 2, 3, requires_grad=True)
    assert not outside_mask(masks, torch.zeros(1, 3, dtype=torch.bool)).requires_grad
