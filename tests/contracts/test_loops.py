"""No loop over expressions, queries or superpoints: more of them take no more operations."""

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from hcfres.model.build import build_network
from hcfres.objective.criterion import Criterion
from tests.model.tiny import LOSSES, METHODS, SIZE, TEXT_WIDTH, WIDTH, make_batch


class _Counted(TorchDispatchMode):
    """Counts the operations that torch is asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        self.count += 1
        return function(*args, **(kwargs or {}))


def operations(method: str, expressions: int, superpoints: int, queries: int) -> tuple[int, int]:
    """Of a forward pass from F_3d on, and of the losses, with half of the expressions a scene."""
    torch.manual_seed(0)
    size = SIZE.model_copy(update={"queries": queries, "seeds": 2 * queries})
    network = build_network(METHODS[method], size, WIDTH, TEXT_WIDTH).train()
    about = (0,) * (expressions // 2) + (1,) * (expressions // 2)
    batch = make_batch((superpoints, superpoints - 1), about, ((1, 2),) * expressions)
    geometry = torch.randn(2 * superpoints - 1, size.backbone_channels)
    with _Counted() as forward:
        output = network(batch.scenes, batch.text, geometry)
    criterion = Criterion(LOSSES)
    with _Counted() as loss:
        criterion(output, batch)
    return forward.count, loss.count


@pytest.mark.parametrize("method", ["mdin", "ipdn", "hcf_res"])
@pytest.mark.parametrize(
    "more", [{"expressions": 10}, {"superpoints": 90}, {"queries": 13}], ids=lambda m: next(iter(m))
)
def test_more_of_anything_takes_as_many_operations(method, more):
    few = {"expressions": 4, "superpoints": 30, "queries": 6}
    assert operations(method, **few) == operations(method, **(few | more))


def test_a_loop_would_be_counted():
    with _Counted() as counted:
        for row in torch.ones(5, 3):
            row + 1
    assert counted.count > 5
