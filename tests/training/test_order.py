"""The order of an epoch, and the rooms held out."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from hcfres.training.order import epoch_order, generator, split_spaces

COUNTS = {"a_00": 5, "b_00": 3, "c_00": 7}


@given(
    st.dictionaries(st.text(min_size=1, max_size=3), st.integers(0, 20), max_size=6),
    st.integers(1, 8),
    st.integers(1, 3),
    st.integers(0, 5),
)
def test_every_expression_is_seen_once_an_epoch(counts, per_scene, scenes, epoch):
    order = epoch_order(counts, per_scene, scenes, generator(0, epoch, "order"))
    seen = Counter((c.scene_id, e) for batch in order for c in batch for e in c.expressions)
    assert seen == Counter((s, e) for s, count in counts.items() for e in range(count))
    assert all(len(batch) == scenes for batch in order[:-1])
    assert all(0 < len(c.expressions) <= per_scene for batch in order for c in batch)


def test_seed_and_epoch_decide_the_order():
    def order(seed, epoch):
        return epoch_order(COUNTS, 3, 2, generator(seed, epoch, "order"))

    assert order(0, 0) == order(0, 0)
    assert order(0, 0) != order(0, 1)
    assert order(0, 0) != order(1, 0)


def test_purposes_draw_different_numbers():
    first, second = (generator(0, 0, name).random() for name in ("order", "augmentation"))
    assert first != second


def test_scans_of_one_space_stay_together():
    scans = tuple(f"scene{space:04d}_{scan:02d}" for space in range(10) for scan in range(3))
    learnt, held_out = split_spaces(scans, 0.15)
    assert len(held_out) == 6  # two of ten spaces: 1.5 rounded up
    assert {s[:9] for s in learnt}.isdisjoint(s[:9] for s in held_out)
    assert set(learnt) | set(held_out) == set(scans)


def test_the_division_does_not_depend_on_the_order_of_the_scans():
    scans = tuple(f"scene{space:04d}_00" for space in range(10))
    assert set(split_spaces(scans, 0.2)[1]) == set(split_spaces(scans[::-1], 0.2)[1])


def test_something_is_always_left_to_learn_from():
    assert split_spaces(("scene0000_00",), 0.5) == (("scene0000_00",), ())
    assert len(split_spaces(("scene0000_00", "scene0001_00"), 1.0)[0]) == 1
