import torch

from hcfres.model.adapter import Adapter, TextAdapter


def test_the_adapter_is_a_linear_map_a_norm_and_a_relu():
    """Eq. 1, by hand: W f = (1, 3), mean 2, deviation 1, so (-1, 1) before the ReLU."""
    adapter = Adapter(2, 2)
    linear, norm, _ = adapter.layers
    with torch.no_grad():
        linear.weight.copy_(torch.tensor([[1.0, 0.0], [0.0, 1.0]]))
        linear.bias.zero_()
        norm.weight.copy_(torch.tensor([1.0, 2.0]))
        norm.bias.copy_(torch.tensor([0.25, 0.5]))
    adapted = adapter(torch.tensor([[1.0, 3.0], [3.0, 1.0]]))
    expected = torch.tensor([[0.0, 2.5], [1.25, 0.0]])
    torch.testing.assert_close(adapted, expected, atol=1e-4, rtol=0)


def test_text_is_normalised_last():
    adapted = TextAdapter(7, 16)(torch.randn(2, 5, 7))
    torch.testing.assert_close(adapted.mean(-1), torch.zeros(2, 5), atol=1e-6, rtol=0)
