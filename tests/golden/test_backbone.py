"""The grid that the public code chooses is too small where a side is odd; ours is not."""

from .case import apart, read
from .check_backbone import grid_of, unet_of


def test_an_odd_grid_is_rounded_up_unless_the_slab_is_to_be_dropped(golden):
    case = read(golden, "backbone_odd")
    grid, network = grid_of(case), unet_of(case).eval()
    assert network.spatial_shape(grid) == (32, 32, 32)
    right = network.voxel_features(grid, (32, 32, 32))
    assert apart(right, case["out.voxel"]) > 1e-3
    network.drop_slab = True
    assert network.spatial_shape(grid) == (128, 128, 128)
