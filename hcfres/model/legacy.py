"""Parameters that the public code owns and never uses; only so that its weights fit by name."""

from torch import nn


class UnusedClassHead(nn.Module):
    """IPDN's semantic class head: three pointwise convolutions that reach no loss."""

    def __init__(self, dim: int, classes: int) -> None:
        super().__init__()
        self.net = nn.Sequential(*_stage(dim), *_stage(dim), nn.Conv1d(dim, classes, 1))


def _stage(dim: int) -> tuple[nn.Module, ...]:
    return nn.Conv1d(dim, dim, 1, bias=False), nn.BatchNorm1d(dim), nn.ReLU(), nn.Dropout(0.0)


def add_unused_class_heads(decoder: nn.Module, layers: int, dim: int, classes: int) -> None:
    """Give `decoder` IPDN's class heads: one a layer, and one behind the last."""
    decoder.sem_cls_heads = nn.ModuleList(UnusedClassHead(dim, classes) for _ in range(layers))
    decoder.sem_cls_head = UnusedClassHead(dim, classes)
