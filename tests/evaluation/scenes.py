"""A scan of eight superpoints and its expressions, small enough to work out by hand."""

import numpy as np
import torch

from hcfres.data.expression import Expression
from hcfres.data.scene import NO_OBJECT, Scene, SceneObject
from hcfres.evaluation.answers import scene_answers, scene_truth
from hcfres.model.output import LayerOutput, NetworkOutput

POINTS = 80  # ten vertices a superpoint
LABELS = np.repeat(np.arange(8), 10)


def make_scene(scene_id="scene0000_00"):
    """Superpoints 0-1 are chair 3, 2-3 chair 5, 4 is table 7, the rest belongs to nothing."""
    owner = np.array([3, 3, 5, 5, 7, NO_OBJECT, NO_OBJECT, NO_OBJECT])
    objects = (
        SceneObject(3, "chair", 5),
        SceneObject(5, "chair", 5),
        SceneObject(7, "coffee table", 7),
    )
    vertices = np.arange(POINTS * 3, dtype=np.float32).reshape(POINTS, 3)
    return Scene(
        scene_id=scene_id,
        vertices=vertices,
        colours=np.zeros((POINTS, 3), np.uint8),
        faces=np.zeros((0, 3), np.int64),
        instances=owner[LABELS],
        semantics=np.zeros(POINTS, np.int64),
        segments=None,
        objects=objects,
    )


def make_expression(object_ids, name="chair", ann_id=0, eval_type="st_w_d"):
    return Expression(
        dataset="multi3drefer",
        scene_id="scene0000_00",
        object_ids=object_ids,
        ann_id=ann_id,
        object_name=name,
        description=f"the {name}",
        eval_type=eval_type,
        spatial=False,
        color=True,
        texture=False,
        shape=False,
    )


EXPRESSIONS = (
    make_expression((3,), ann_id=0),
    make_expression((3, 5), ann_id=1, eval_type="mt"),
    make_expression((7,), name="coffee_table", ann_id=2, eval_type="st_wo_d"),
    make_expression((), name="sofa", ann_id=3, eval_type="zt_wo_d"),
    make_expression((), name="chair", ann_id=4, eval_type="zt_w_d"),
)


def make_truth():
    return scene_truth(make_scene(), LABELS, EXPRESSIONS)


def make_answers(seed=0, queries=4, rule="gres"):
    rng = np.random.default_rng(seed)
    count = len(EXPRESSIONS)
    indicators = rng.random((count, queries), dtype=np.float32)
    indicators[3] *= 0.5  # nothing fires for the sofa
    return answers_of(indicators, rng.normal(-1, 2, (count, queries, 8)), rule)


def answers_of(indicators, logits, rule="gres"):
    """Answers through the network's own rule, from probabilities and mask logits."""
    chance = torch.as_tensor(np.array(indicators), dtype=torch.float32)
    masks = torch.as_tensor(np.array(logits), dtype=torch.float32)
    count, queries, superpoints = masks.shape
    one = torch.nn.functional.normalize(torch.ones(count, queries, 2), dim=-1)
    pairs = torch.stack([torch.zeros_like(chance), torch.logit(chance)], dim=-1)
    layer = LayerOutput(masks, chance / 2, pairs, one, one)
    numbers = torch.zeros(count, queries, dtype=torch.long)
    output = NetworkOutput(
        layers=(layer,),
        relevance=chance,
        seeds=numbers,
        seeds_padded=numbers.bool(),
        selected=numbers,
        queries_padded=numbers.bool(),
        centroids=torch.zeros(count, superpoints, 3),
        padded=torch.zeros(count, superpoints, dtype=torch.bool),
    )
    return scene_answers(output, rule)
