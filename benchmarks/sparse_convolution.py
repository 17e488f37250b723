"""spconv against plain torch on the whole U-Net, in one run on one device.

    OMP_NUM_THREADS=1 python benchmarks/sparse_convolution.py [--device cuda] [--repeats 5]

Two batches of two scenes: `rooms` (two rooms of the embedded setting: 16 channels, 4 levels) and
`scannet` (2 x 30,000 voxels, 32 channels, 7 levels). In the first columns the passes look up their
pairs, as for scenes that were augmented; in the last two the pairs of each scene are known, and
joined: a training's pass with backward, and one of an evaluation. The backends take turns and the
best of the repeats counts. Quote the ratios; the times are this machine's.
Differences are in double precision, of outputs and gradients, relative to the largest of each.
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from hcfres.model.backbone import SparseUNet, VoxelGrid
from hcfres.model.sparse.plain import PLAIN
from hcfres.model.sparse.sites import Backend, Sites
from hcfres.model.sparse.spconv_backend import SPCONV

BACKENDS: tuple[Backend, Backend] = (SPCONV, PLAIN)
ROOM = (6.0, 5.0, 2.8)
"""Proportions of the room."""
LARGEST_DIFFERENCE = 1e-8


@dataclass(frozen=True)
class Case:
    """A size to be measured."""

    name: str
    voxels: int
    channels: int
    levels: int


CASES = (Case("rooms", 12_000, 16, 4), Case("scannet", 60_000, 32, 7))


def main() -> None:
    """Print a line of times for each case and backend, their ratios, and the difference."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--cases", nargs="*", default=[case.name for case in CASES])
    options = parser.parse_args()
    device = torch.device(options.device)
    say(f"{device}, {torch.get_num_threads()} thread(s); {SPCONV.name}; {PLAIN.name}")
    columns = ("pairs", "forward", "+ backward", "known, both", "known, forward")
    say(f"  {'seconds':26}" + "".join(f"{column:>15}" for column in columns))
    apart = [measure(case, device, options.repeats) for case in CASES if case.name in options.cases]
    if max(apart, default=0.0) > LARGEST_DIFFERENCE:
        raise SystemExit("the two do not agree")


def measure(case: Case, device: torch.device, repeats: int) -> float:
    """Print one case; the largest difference."""
    torch.manual_seed(0)
    network = SparseUNet(6, case.channels, case.levels).to(device)
    grid = batch(case.voxels, device)
    shape = network.spatial_shape(grid)
    say(f"{case.name}: {len(grid.coordinates)} voxels in {shape}, {case.channels} channels")
    best = {backend: [float("inf")] * 5 for backend in BACKENDS}
    for _ in range(repeats):
        for backend in BACKENDS:
            found = list(times(network, grid, shape, backend))
            best[backend] = [min(pair) for pair in zip(best[backend], found, strict=True)]
    for backend in BACKENDS:
        say(f"  {backend.name:26}" + "".join(f"{seconds:15.4f}" for seconds in best[backend]))
    ratios = [a / b for a, b in zip(*(best[backend] for backend in BACKENDS), strict=True)]
    say(f"  {'spconv : plain':26}" + "".join(f"{ratio:15.2f}" for ratio in ratios))
    away = difference(network.double(), grid, shape)
    say(f"  largest difference in double precision {away:.1e}")
    return away


def times(
    network: SparseUNet, grid: VoxelGrid, shape: tuple[int, ...], backend: Backend
) -> Iterator[float]:
    """Seconds of the pairs, of a forward pass, of one with backward, of both with known pairs."""
    pairs = timed(lambda: look_up(grid, shape, backend, network.levels), grid)
    network.train()

    def run(moved: bool) -> Tensor:
        return network.voxel_features(grid, shape, backend, moved)

    forward = timed(lambda: run(moved=True), grid)
    both = timed(lambda: run(moved=True).sum().backward(), grid)
    run(moved=False)
    known_both = timed(lambda: run(moved=False).sum().backward(), grid)
    network.zero_grad()
    network.eval()
    with torch.no_grad():
        run(moved=False)
        known_forward = timed(lambda: run(moved=False), grid)
    yield from (pairs, forward, both, known_both, known_forward)


def look_up(grid: VoxelGrid, shape: tuple[int, ...], backend: Backend, levels: int) -> None:
    """The pairs of every level."""
    sites = Sites(grid.coordinates, shape, grid.scenes, backend)
    for _ in range(levels - 1):
        _ = sites.neighbours
        sites = sites.halved.sites
    _ = sites.neighbours


def timed(run: Callable[[], object], grid: VoxelGrid) -> float:
    """Seconds until the device is done."""
    finish(grid)
    start = time.perf_counter()
    run()
    finish(grid)
    return time.perf_counter() - start


def finish(grid: VoxelGrid) -> None:
    """Wait for a GPU."""
    if grid.features.is_cuda:
        torch.cuda.synchronize()


def difference(network: SparseUNet, grid: VoxelGrid, shape: tuple[int, ...]) -> float:
    """The largest relative difference of outputs and gradients."""
    network.train()
    grid = VoxelGrid(grid.coordinates, grid.features.double(), grid.voxel_of_point, grid.scenes)
    weights = tuple(network.parameters())

    def run(backend: Backend) -> tuple[Tensor, ...]:
        found = network.voxel_features(grid, shape, backend)
        return found.detach(), *torch.autograd.grad(found.sin().sum(), weights)

    pairs = zip(run(SPCONV), run(PLAIN), strict=True)
    apart = [(a - b).abs().max() / b.abs().max() for a, b in pairs]
    return float(torch.stack(apart).max())


def batch(voxels: int, device: torch.device) -> VoxelGrid:
    """Two rooms of about half so many voxels each; random features."""
    rooms = [room(voxels // 2, seed) for seed in range(2)]
    places = [F.pad(places, (1, 0), value=scene) for scene, places in enumerate(rooms)]
    coordinates = torch.cat(places).int().to(device)
    features = torch.randn(len(coordinates), 6, generator=torch.Generator().manual_seed(0))
    at = torch.arange(len(coordinates), device=device)
    return VoxelGrid(coordinates, features.to(device), at, len(rooms))


def room(voxels: int, seed: int) -> Tensor:
    """About so many voxels, on floor and walls of a room and on boxes in it."""
    generator = torch.Generator().manual_seed(seed)
    scale = (voxels / 100) ** 0.5
    x, y, z = (round(side * scale) for side in ROOM)
    parts = [*box((0, 0, 0), (x, y, z))]
    for _ in range(8):
        sides = [int(s * (0.1 + 0.15 * torch.rand(1, generator=generator))) for s in (x, y, z)]
        corner = [int(torch.randint(whole - part, (1,), generator=generator))
                  for whole, part in zip((x, y, z), sides, strict=True)]  # fmt: skip
        parts += box((corner[0], corner[1], 0), tuple(sides))
    return torch.unique(torch.cat(parts), dim=0)


def box(corner: tuple[int, ...], sides: tuple[int, ...]) -> Iterator[Tensor]:
    """Voxels of a box's faces, the upper one left out."""
    start = torch.tensor(corner)
    for axis in range(3):
        across = [torch.arange(side) for other, side in enumerate(sides) if other != axis]
        face = torch.cartesian_prod(*across)
        for place in (0, sides[axis] - 1)[: 1 if axis == 2 else 2]:
            level = torch.full((len(face), 1), place)
            yield start + torch.cat([face[:, :axis], level, face[:, axis:]], dim=1)


def say(text: str) -> None:
    """One line, at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
