from dataclasses import replace

import pytest
import torch

from hcfres.model.build import build_network
from hcfres.objective.objects import make_objects, objects_from
from tests.model.tiny import METHODS, SIZE, TEXT_WIDTH, WIDTH, make_batch


def test_an_object_is_its_superpoints_and_its_centroid_their_mean():
    instances = torch.tensor([[4, 4, 6, -1]])
    centroids = torch.tensor([[[0.0, 0, 0], [2, 0, 0], [5, 5, 5], [9, 9, 9]]])
    objects = objects_from(instances, torch.tensor([[4, 6, 8, -2]]), centroids)
    assert objects.masks[0].int().tolist()[:2] == [[1, 1, 0, 0], [0, 0, 1, 0]]
    assert objects.centroids[0, :2].tolist() == [[1, 0, 0], [5, 5, 5]]
    assert objects.valid.tolist() == [[True, True, False, False]]


def test_each_expression_sees_the_instances_of_its_own_scene():
    batch = make_batch(counts=(5, 3), scene_of_expression=(0, 1, 1))
    owners = torch.tensor([10, 10, 11, -1, 12, 20, 21, 21])
    targets = replace(
        batch.targets, instance_of_superpoint=owners, object_ids=((10, 12), (), (21,))
    )
    batch = replace(batch, targets=targets)
    network = build_network(METHODS["mdin"], SIZE, WIDTH, TEXT_WIDTH)
    objects = make_objects(network(batch.scenes, batch.text), batch)
    expected = [[10, 10, 11, -1, 12], [20, 21, 21, -1, -1], [20, 21, 21, -1, -1]]
    assert objects.instance_of_superpoint.tolist() == expected
    assert objects.valid.tolist() == [[True, True], [False, False], [True, False]]
    assert objects.masks[2, 0].tolist() == [False, True, True, False, False]


def test_a_batch_without_targets_is_refused():
    batch = make_batch()
    network = build_network(METHODS["mdin"], SIZE, WIDTH, TEXT_WIDTH)
    output = network(batch.scenes, batch.text)
    with pytest.raises(ValueError, match="needs a batch with targets"):
        make_objects(output, replace(batch, targets=None))
