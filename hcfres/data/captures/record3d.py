"""Recordings of the iPhone program Record3D: a `.r3d` archive, or the folder it unpacks to.

`metadata` (JSON) holds for all frames w, h of the colour and dw, dh of the depth images, K of the
colour image column by column, `perFrameIntrinsicCoeffs` [fx, fy, mx, my] where the phone knew them,
and `poses` [qx, qy, qz, qw, tx, ty, tz], camera to world in OpenGL's axes, the first one zero.
`rgbd/N.jpg` and `rgbd/N.depth` (LZFSE over 32-bit floats, metres) are the images of frame N.
"""

import re
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import BaseModel, Field, ValidationError

from hcfres.data.captures.axes import from_opengl, from_quaternion
from hcfres.data.captures.capture import Capture, Layout, Told
from hcfres.data.captures.clouds import only_cloud
from hcfres.data.captures.intrinsics import choose_intrinsics, pinhole, resized
from hcfres.data.captures.members import Members
from hcfres.data.captures.phone_images import PhoneImages
from hcfres.data.errors import DataError

_AGAIN = "Export the recording from Record3D again, as .r3d"
_MOST_PIXELS = 1 << 22
_DESCRIPTIONS = ("metadata", "metadata.json")
_IMAGE = re.compile(r"rgbd/(\d{1,9})\.(jpg|png|depth)")
_Finite = Annotated[float, Field(allow_inf_nan=False, ge=-1e6, le=1e6)]
_Size = Annotated[int, Field(ge=1, le=1 << 13)]


class _Metadata(BaseModel):
    w: _Size
    h: _Size
    dw: _Size | None = None
    dh: _Size | None = None
    K: Annotated[list[_Finite], Field(min_length=9, max_length=9)]
    poses: list[Annotated[list[_Finite], Field(min_length=7, max_length=7)]]
    perFrameIntrinsicCoeffs: list[Annotated[list[_Finite], Field(min_length=4, max_length=4)]] = []


def fits(path: Path) -> bool:
    """Whether a path is a `.r3d` file, or a folder like one unpacked."""
    if path.is_file():
        return path.suffix.lower() == ".r3d"
    named = any((path / name).is_file() for name in _DESCRIPTIONS)
    return named and ((path / "rgbd").is_dir() or (path / "depth").is_dir())


def read(path: Path, told: Told) -> Capture:
    """Read a recording.

    Raises:
        DataError: broken; poses of the front camera, which are all the same; or depth as EXR.
    """
    members = Members(path)
    said, name = _metadata(members)
    images = _images(members, said)
    if told.depth_unit_m is not None:
        reason = "Record3D's depth is in metres; a unit makes no sense"
        raise DataError(path, reason, "Leave the depth unit out")
    poses = _poses(members.place(name), said.poses)
    intrinsics, source = _intrinsics(path, said, images, told)
    remarks = (
        "Layout: Record3D.",
        f"Poses: {len(poses)}, camera to world, quaternion and position; the camera's axes are "
        "OpenGL's and were turned to OpenCV's.",
        "Depth: 32-bit floats, metres.",
        source,
    )
    folder = path if path.is_dir() else path.parent
    cloud = only_cloud(told.cloud, folder) if path.is_dir() else told.cloud
    place = Path(members.place(name))
    return Capture("Record3D", path, images, poses, place, intrinsics, remarks, cloud, opengl=True)


def _metadata(members: Members) -> tuple[_Metadata, str]:
    name = next((n for n in _DESCRIPTIONS if n in members.names()), None)
    if name is None:
        raise DataError(members.root, "there is no `metadata`", _AGAIN)
    try:
        return _Metadata.model_validate_json(members.read(name)), name
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        reason = f"{error.error_count()} problems, the first: {where}: {first['msg']}"
        raise DataError(members.place(name), reason, _AGAIN) from None


def _images(members: Members, said: _Metadata) -> PhoneImages:
    colours: dict[int, str] = {}
    depths: dict[int, str] = {}
    for name in members.names():
        if name.endswith(".exr"):
            reason = "depth as EXR is not read"
            raise DataError(members.place(name), reason, "Export the recording as .r3d instead")
        if found := _IMAGE.fullmatch(name):
            kind = depths if found[2] == "depth" else colours
            kind[int(found[1])] = name
    if not set(colours) & set(depths):
        reason = f"no frame is complete: {len(colours)} colour and {len(depths)} depth images"
        raise DataError(members.root, reason, _AGAIN)
    shape = (said.dh, said.dw)
    if shape[0] is None or shape[1] is None:
        reason = "dh and dw, the size of the depth images, are missing"
        raise DataError(members.root, reason, _AGAIN, "metadata")
    if shape[0] * shape[1] > _MOST_PIXELS:
        reason = f"depth of {shape[1]}x{shape[0]} is no phone's"
        raise DataError(members.root, reason, _AGAIN, "metadata")
    return PhoneImages(members, colours, depths, (shape[0], shape[1]))


def _poses(place: str, rows: list[list[float]]) -> dict[int, np.ndarray]:
    poses: dict[int, np.ndarray] = {}
    for index, row in enumerate(rows):
        try:
            poses[index] = from_opengl(from_quaternion(np.array(row[4:]), np.array(row[:4])))
        except ValueError as error:
            raise DataError(place, str(error), _AGAIN, f"poses[{index}]") from None
    if len(rows) > 1 and all(row == rows[0] for row in rows):
        reason = "all poses are the same, as for a recording of the front camera"
        raise DataError(place, reason, "Record with the camera of the back (LiDAR)", "poses")
    return poses


def _intrinsics(
    path: Path, said: _Metadata, images: PhoneImages, told: Told
) -> tuple[dict[int, np.ndarray], str]:
    """K of the depth of every frame, from that of its colour image."""
    indices, shape = images.indices(), images.depth_shape
    of_colour = np.array(said.K).reshape(3, 3)
    if of_colour[0, 2] == 0 == of_colour[1, 2]:
        of_colour = of_colour.T
    known = resized(of_colour, (said.h, said.w), shape)
    matrix, source = choose_intrinsics(told, shape, path, known)
    given = said.perFrameIntrinsicCoeffs
    if told.intrinsics is not None or not given:
        return dict.fromkeys(indices, matrix), source
    own = {i: resized(pinhole(*given[i]), (said.h, said.w), shape) for i in range(len(given))}
    source = f"{source[:-1]}; {len(given)} frames have their own."
    return {i: own.get(i, matrix) for i in indices}, source


LAYOUT = Layout(
    "record3d",
    "Record3D",
    "a .r3d file, or `metadata` and `rgbd`",
    fits,
    read,
)
