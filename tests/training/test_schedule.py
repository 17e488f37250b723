"""The polynomial decay."""

import pytest
import torch

from hcfres.training.schedule import polynomial, set_rate


@pytest.mark.parametrize(
    ("epoch", "rate"), [(0, 1e-4), (6, 6.99e-5), (35, 6.25e-6), (69, 1e-4 / 70**4)]
)
def test_the_rate_of_seventy_epochs_is_the_papers(epoch, rate):
    assert polynomial(1e-4, epoch, 70, 4.0) == pytest.approx(rate, rel=1e-3)


def test_every_group_gets_the_rate():
    parameters = [torch.nn.Parameter(torch.zeros(1)) for _ in range(2)]
    optimizer = torch.optim.SGD([{"params": [p]} for p in parameters], lr=1.0)
    set_rate(optimizer, 0.25)
    assert [group["lr"] for group in optimizer.param_groups] == [0.25, 0.25]
