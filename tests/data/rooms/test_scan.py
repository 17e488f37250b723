"""The reconstruction is a little wrong, in the right way."""

import numpy as np

from hcfres.data.rooms.mesh import floor_id, labels_of
from hcfres.data.rooms.palette import base_colour
from hcfres.data.rooms.render import Stage, set_stage
from hcfres.data.rooms.room import Room
from hcfres.data.rooms.scan import FEWEST_VERTICES, Scan, scan_room, seen_faces

Scans = tuple[tuple[Room, Scan], ...]


def test_every_object_keeps_enough_vertices(scans: Scans):
    for room, scan in scans:
        counts = np.bincount(scan.instances, minlength=len(labels_of(room)))
        assert counts.min() >= FEWEST_VERTICES
        assert 9_000 < len(scan.vertices) < 26_000


def test_the_same_seed_gives_the_same_mesh(stage: Stage, scan: Scan):
    again = scan_room(set_stage(stage.room))
    assert scan.vertices.tobytes() == again.vertices.tobytes()
    assert scan.colours.tobytes() == again.colours.tobytes()


def test_the_floor_is_flat_to_a_few_millimetres_but_not_exactly(stage: Stage, scan: Scan):
    height = scan.vertices[scan.instances == floor_id(stage.room), 2]
    assert 0.001 < height.std() < 0.01
    assert np.abs(height).max() < 0.03


def test_no_object_shares_a_face_with_another(scan: Scan):
    owners = scan.instances[scan.faces]
    assert (owners == owners[:, :1]).all()


def test_every_vertex_belongs_to_a_face(scan: Scan):
    assert len(np.unique(scan.faces)) == len(scan.vertices)


def test_undersides_are_not_seen(stage: Stage):
    mesh = stage.mesh
    tops = [
        f.object_id for f in stage.room.furniture if f.label in ("table", "desk", "bed", "couch")
    ]
    down = np.isin(mesh.instance, tops) & (mesh.normals[:, 0, 2] < -0.99)
    assert down.any()
    assert not seen_faces(stage)[down].any()


def test_vertex_colours_tell_the_objects_colour_whatever_the_pattern(scans: Scans):
    """The mean colour of most objects is nearest, in hue and lightness, to that of its own kind."""
    errors = []
    for room, scan in scans:
        for item in room.furniture:
            if (
                item.label in ("box", "cabinet", "chair", "table", "couch", "desk")
                and item.pattern == "plain"
            ):
                mean = scan.colours[scan.instances == item.object_id].mean(axis=0) / 255
                errors.append(np.abs(mean - base_colour(item.colour)).mean())
    assert len(errors) > 5
    assert np.median(errors) < 0.15


def test_patterns_are_averaged_away_in_the_vertex_colours(scans: Scans):
    """Neighbouring vertices of a patterned object differ no more than those of a plain one."""
    spreads: dict[bool, list[float]] = {True: [], False: []}
    for room, scan in scans:
        a, b = scan.faces[:, 0], scan.faces[:, 1]
        step = np.abs(scan.colours[a].astype(float) - scan.colours[b]).mean(axis=1)
        for item in room.furniture:
            if item.label in ("box", "chair", "curtain", "stool", "couch", "pillow"):
                own = scan.instances[a] == item.object_id
                spreads[item.pattern != "plain"].append(float(np.median(step[own])))
    assert spreads[True]
    assert np.mean(spreads[True]) < 1.6 * np.mean(spreads[False])
