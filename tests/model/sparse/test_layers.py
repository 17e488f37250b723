import pytest
import torch
from torch import nn

from hcfres.model.sparse.layers import (
    InverseConv,
    PointwiseConv,
    SparseSequential,
    StridedConv,
    SubmanifoldConv,
)
from hcfres.model.sparse.plain import PLAIN
from hcfres.model.sparse.sites import SparseTensor

from .clouds import sites


def test_the_pointwise_weight_is_read_as_a_flat_matrix_not_as_its_shape_says():
    """Shape (3, 1, 1, 1, 2) for 2 -> 3, flat memory (in, out) = ((0, 1, 2), (3, 4, 5))."""
    layer = PointwiseConv(2, 3)
    with torch.no_grad():
        layer.weight.copy_(torch.arange(6.0).reshape(3, 1, 1, 1, 2))
    there = sites(PLAIN, (1, 1, 1), scenes=1)
    found = layer(SparseTensor(torch.tensor([[1.0, 10.0]]), there))
    assert found.features.tolist() == [[30.0, 41.0, 52.0]]


def test_the_library_reads_the_pointwise_weight_so_too():
    library = pytest.importorskip("spconv.pytorch", reason="spconv is not installed")
    ours, theirs = PointwiseConv(2, 3), library.SubMConv3d(2, 3, 1, bias=False)
    with torch.no_grad():
        theirs.weight.copy_(ours.weight)
    there = sites(PLAIN, (3, 3, 3), scenes=1)
    features = torch.randn(len(there.coordinates), 2)
    tensor = library.SparseConvTensor(features, there.coordinates, [3, 3, 3], 1)
    found = ours(SparseTensor(features, there)).features
    torch.testing.assert_close(found, theirs(tensor).features)


@pytest.mark.parametrize(
    ("ours", "theirs", "side"),
    [
        (SubmanifoldConv, "SubMConv3d", 3),
        (StridedConv, "SparseConv3d", 2),
        (InverseConv, "SparseInverseConv3d", 2),
    ],
)
def test_weights_have_the_librarys_name_and_shape_and_begin_as_its_do(ours, theirs, side):
    library = pytest.importorskip("spconv.pytorch", reason="spconv is not installed")
    torch.manual_seed(3)
    expected = getattr(library, theirs)(5, 7, side, bias=False, indice_key="x").state_dict()
    torch.manual_seed(3)
    found = ours(5, 7).state_dict()
    assert found.keys() == expected.keys() == {"weight"}
    assert torch.equal(found["weight"], expected["weight"])


def test_ordinary_layers_see_the_features_and_are_skipped_where_no_voxel_is():
    layer = SparseSequential(nn.BatchNorm1d(2), nn.ReLU(), SubmanifoldConv(2, 3)).train()
    there = sites(PLAIN, (3, 3, 3))
    full = layer(SparseTensor(torch.randn(len(there.coordinates), 2), there))
    assert full.features.shape == (len(there.coordinates), 3) and full.sites is there
    none = sites(PLAIN, (3, 3, 3))
    none = type(none)(none.coordinates[:0], none.shape, none.scenes, PLAIN)
    assert layer(SparseTensor(torch.zeros(0, 2), none)).features.shape == (0, 3)


def test_two_halvings_come_back_in_reverse_order():
    there = sites(PLAIN, (8, 8, 8))
    tensor = SparseTensor(torch.randn(len(there.coordinates), 2), there)
    once = StridedConv(2, 3)(tensor)
    twice = StridedConv(3, 4)(once)
    assert [one.shape for one in twice.finer] == [(8, 8, 8), (4, 4, 4)]
    back = InverseConv(4, 3)(twice)
    assert back.sites is once.sites and back.finer == once.finer
    assert InverseConv(3, 2)(back).sites is there
