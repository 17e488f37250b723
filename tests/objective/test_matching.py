import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hcfres.objective.matching import legacy_object, match
from hcfres.objective.objects import Objects


def _objects(ids, centroids, valid=None):
    count = len(ids)
    return Objects(
        instance_of_superpoint=torch.zeros(1, 1, dtype=torch.long),
        ids=torch.tensor([ids], dtype=torch.long).reshape(1, count),
        masks=torch.zeros(1, count, 1, dtype=torch.bool),
        centroids=torch.tensor([centroids], dtype=torch.float32).reshape(1, count, 3),
        valid=torch.tensor([valid or [True] * count], dtype=torch.bool).reshape(1, count),
    )


def _match(labels, places, objects, padded=None):
    """Anchors on a line."""
    positions = torch.tensor([[[float(place), 0, 0] for place in places]])
    padded = torch.tensor([padded or [False] * len(labels)])
    return match(positions, torch.tensor([labels]), padded, objects)


def _pairs(found):
    return sorted(map(tuple, found.pairs[0].nonzero().tolist()))


def test_the_nearest_anchor_and_all_inside_learn_an_object():
    found = _match([7, 7, 9, -1], [1, 2, 3, 9], _objects([7], [[2.0, 0, 0]]))
    assert _pairs(found) == [(0, 0), (1, 0)]


def test_the_nearest_anchor_learns_an_object_even_from_outside():
    found = _match([7, 5], [0, 4], _objects([7], [[3.0, 0, 0]]))
    assert _pairs(found) == [(0, 0), (1, 0)]


def test_one_anchor_may_be_nearest_to_two_objects_and_is_then_not_in_a_third_way_inside():
    objects = _objects([7, 8], [[0.0, 0, 0], [1.0, 0, 0]])
    found = _match([7, 7, 8], [0.4, 9, 8], objects)
    assert _pairs(found) == [(0, 0), (0, 1), (1, 0), (2, 1)]


def test_an_anchor_inside_one_object_and_nearest_of_another_learns_only_the_other():
    objects = _objects([7, 8], [[0.0, 0, 0], [5.0, 0, 0]])
    found = _match([7, 7], [0, 4], objects)
    assert _pairs(found) == [(0, 0), (1, 1)]


def test_padded_anchors_and_objects_that_own_nothing_take_no_part():
    found = _match([7, 7], [0, 1], _objects([7], [[1.0, 0, 0]]), padded=[False, True])
    assert _pairs(found) == [(0, 0)]
    assert not _match([7], [0], _objects([7], [[0.0, 0, 0]], [False])).pairs.any()


def test_without_targets_nothing_is_matched():
    found = _match([7, -1], [0, 1], _objects([], []))
    assert found.pairs.shape == (1, 2, 0)
    assert not found.matched().any()


def test_the_public_code_looks_masks_up_by_the_number_of_the_object():
    """Three and two pairs: the masks lie as 0 0 0 1 1, so objects 0 and 1 both find mask 0."""
    assert legacy_object(torch.tensor([[3, 2]])).tolist() == [[0, 0]]
    assert legacy_object(torch.tensor([[1, 1, 1]])).tolist() == [[0, 1, 2]]
    assert legacy_object(torch.tensor([[2, 2, 2]])).tolist() == [[0, 0, 1]]
    assert legacy_object(torch.zeros(2, 0, dtype=torch.long)).shape == (2, 0)


def _by_loops(labels, places, ids, centres):
    pairs = set()
    nearest = [min(range(len(places)), key=lambda q: (places[q] - c) ** 2) for c in centres]
    pairs |= {(query, number) for number, query in enumerate(nearest)}
    for query, label in enumerate(labels):
        if query not in nearest:
            pairs |= {(query, number) for number, own in enumerate(ids) if own == label}
    return sorted(pairs)


@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_it_equals_the_rule_written_as_loops(data):
    count = data.draw(st.integers(1, 8))
    labels = data.draw(st.lists(st.integers(-1, 3), min_size=count, max_size=count))
    distinct = st.lists(st.integers(0, 100), min_size=count, max_size=count, unique=True)
    places = [3 * place for place in data.draw(distinct)]
    ids = data.draw(st.lists(st.integers(0, 3), max_size=3, unique=True))
    centres = [3 * data.draw(st.integers(0, 100)) + 1 for _ in ids]
    objects = _objects(ids, [[float(c), 0, 0] for c in centres])
    assert _pairs(_match(labels, places, objects)) == _by_loops(labels, places, ids, centres)
