"""From triangle numbers to colours: patterns, light, and the mean over each pixel's samples."""

from typing import no_type_check

import numpy as np
from jaxtyping import Float, Int

from hcfres.data.rooms.mesh import RoomMesh
from hcfres.data.rooms.raster import Camera, Drawn
from hcfres.geometry.kernel import kernel

_DOT_RADIUS = 0.3
_STRIPE_SHARE = 0.4
_SKIRTING_M = 0.09


@kernel
@no_type_check
def _noise(a, b):
    """A value in 0..1 that depends on two whole numbers alone."""
    value = (a * 73856093) ^ (b * 19349663)
    value = (value ^ (value >> 13)) * 1274126177 & 0x7FFFFFFF
    return (value % 1000) / 999.0


@kernel
@no_type_check
def _mix(pattern, period, s, t):  # noqa: PLR0911
    """Share of the second tone, 0..1, at (s, t) metres along a surface."""
    a, b = s / period, t / period
    fa, fb = a - np.floor(a), b - np.floor(b)
    if pattern == 1:
        return 1.0 if fa < _STRIPE_SHARE else 0.0
    if pattern == 2:
        return 1.0 if (fa - 0.5) ** 2 + (fb - 0.5) ** 2 < _DOT_RADIUS**2 else 0.0
    if pattern == 3:
        return 1.0 if (int(np.floor(a)) + int(np.floor(b))) % 2 else 0.0
    if pattern == 4:
        row = int(np.floor(b))
        along = a / 8 + _noise(row, 7)
        edge = 0.9 if fb < 0.05 or along - np.floor(along) < 0.006 else 0.0
        return max(edge, 0.4 * _noise(row, int(np.floor(along))))
    if pattern == 5:
        return 1.0 if fa < 0.03 or fb < 0.03 else 0.15 * _noise(int(np.floor(a)), int(np.floor(b)))
    if pattern == 6:
        return 0.4 * _noise(int(np.floor(a * 12)), int(np.floor(b * 12)))
    if pattern == 7:
        return 1.0 if t < _SKIRTING_M else 0.0
    return 0.0


@kernel
@no_type_check
def _paint(triangle, camera, corners, texture, light, material, tones, pattern, period):
    height, width = triangle.shape
    out = np.zeros((height, width, 3), np.float32)
    p = np.empty((3, 3))
    for v in range(height):
        for u in range(width):
            t = triangle[v, u]
            if t < 0:
                continue
            for k in range(3):
                x, y, z = corners[t, k, 0], corners[t, k, 1], corners[t, k, 2]
                for row in range(3):
                    p[k, row] = (
                        camera[3 * row] * x
                        + camera[3 * row + 1] * y
                        + camera[3 * row + 2] * z
                        + camera[9 + row]
                    )
            rx, ry = (u - camera[14]) / camera[12], (v - camera[15]) / camera[13]
            wa = _volume(rx, ry, p[1], p[2])
            wb = _volume(rx, ry, p[2], p[0])
            wc = _volume(rx, ry, p[0], p[1])
            total = wa + wb + wc
            if total == 0.0:
                continue
            wa, wb, wc = wa / total, wb / total, wc / total
            s = wa * texture[t, 0, 0] + wb * texture[t, 1, 0] + wc * texture[t, 2, 0]
            r = wa * texture[t, 0, 1] + wb * texture[t, 1, 1] + wc * texture[t, 2, 1]
            bright = wa * light[t, 0] + wb * light[t, 1] + wc * light[t, 2]
            m = material[t]
            share = _mix(pattern[m], period[m], s, r)
            for channel in range(3):
                tone = tones[0, m, channel] + share * (tones[1, m, channel] - tones[0, m, channel])
                out[v, u, channel] = tone * bright
    return out


@kernel
@no_type_check
def _volume(rx, ry, a, b):
    """Triple product of the pixel's ray (rx, ry, 1) with two corners."""
    return (
        rx * (a[1] * b[2] - a[2] * b[1])
        + ry * (a[2] * b[0] - a[0] * b[2])
        + (a[0] * b[1] - a[1] * b[0])
    )


def paint(
    drawn: Drawn, camera: Camera, mesh: RoomMesh, light: Float[np.ndarray, "faces 3"]
) -> Float[np.ndarray, "height width 3"]:
    """Give the radiance of every pixel, about 0..1; black where nothing is drawn."""
    table = mesh.materials
    tones = np.stack([table.base, table.second])
    return _paint(
        drawn.triangle, camera.numbers, mesh.corners, mesh.texture, light, mesh.material,
        tones, table.pattern, table.period,
    )  # fmt: skip


@kernel
@no_type_check
def _most_common(samples, factor):
    height, width = samples.shape[0] // factor, samples.shape[1] // factor
    out = np.empty((height, width), np.int64)
    block = np.empty(factor * factor, np.int64)
    for v in range(height):
        for u in range(width):
            for k in range(factor * factor):
                block[k] = samples[v * factor + k // factor, u * factor + k % factor]
            best, most = block[0], 0
            for candidate in block:
                votes = 0
                for other in block:
                    votes += other == candidate
                if votes > most:
                    best, most = candidate, votes
            out[v, u] = best
    return out


def most_common(
    samples: Int[np.ndarray, "fine_height fine_width"], factor: int
) -> Int[np.ndarray, "height width"]:
    """Give the most frequent value of each block of factor x factor samples."""
    return _most_common(samples, factor)


def block_mean(
    samples: Float[np.ndarray, "fine_height fine_width 3"], factor: int
) -> Float[np.ndarray, "height width 3"]:
    """Average each block of factor x factor samples."""
    height, width = samples.shape[0] // factor, samples.shape[1] // factor
    return samples.reshape(height, factor, width, factor, 3).mean(axis=(1, 3))
