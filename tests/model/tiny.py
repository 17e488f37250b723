"""Small random batches, and configurations of every method at a small size."""

import torch

from hcfres.config.method import (
    DecoderConfig,
    FusionConfig,
    LossConfig,
    MethodConfig,
    QueryConfig,
    SemanticsConfig,
)
from hcfres.config.setting import SizeConfig
from hcfres.data.batch import Batch, SceneBatch, TargetBatch, TextBatch
from hcfres.data.expression import Expression
from hcfres.model.superpoints import Packing, make_packing

SIZE = SizeConfig(
    voxel_m=0.1,
    backbone_channels=8,
    backbone_levels=3,
    dim=16,
    heads=2,
    ffn_dim=32,
    projection_dim=8,
    seeds=12,
    queries=6,
    neighbours=4,
)
WIDTH, TEXT_WIDTH = 10, 7

SEMANTICS = {
    "least_sharpness": 0.0,
    "grid": "wide",
    "layer": -1,
    "instance_space": "tokens",
    "blur_sigma_cells": 0.25,
    "overlap": "smallest",
}
LOSSES = LossConfig(
    mask_bce=1.0, mask_dice=1.0, score=0.5, sampling=5.0, indicator=0.1, contrastive=0.1
)


def make_method(
    granularities=("pixel", "instance"),
    within_2d="attention",
    across="adaptive",
    gate="scalar",
    refine=True,
    refine_with="instance",
    mask_features="geometry",
    fit="C",
    spatial=True,
    family="prompt_aware",
    layers=2,
    cross_norm="none",
    legacy=(),
) -> MethodConfig:
    """HCF-RES unless told otherwise; no granularities: a method without images."""
    semantics = fusion = None
    if granularities:
        semantics = SemanticsConfig(granularities=granularities, **SEMANTICS)
        fusion = FusionConfig(
            within_2d=within_2d,
            across=across,
            gate=gate,
            refine=refine,
            refine_with=refine_with,
            mask_features=mask_features,
            fit=fit,
        )
    return MethodConfig(
        name="tiny",
        title="tiny",
        semantics=semantics,
        fusion=fusion,
        queries=QueryConfig(spatial_attention=spatial),
        decoder=DecoderConfig(family=family, layers=layers, cross_norm=cross_norm),
        losses=LOSSES,
        legacy=legacy,
    )


METHODS = {
    "hcf_res": make_method(),
    "vsd_only": make_method(within_2d="add", across="add", refine=False),
    "mlf_only": make_method(granularities=("pixel",)),
    "ipdn": make_method(granularities=("pixel",), within_2d="add", across="add", refine=False),
    "mdin": make_method(granularities=(), spatial=False, family="mdin"),
}


VARIANTS = {
    "cross_attention": make_method(within_2d="cross_attention"),
    "mean": make_method(within_2d="mean"),
    "channel": make_method(gate="channel"),
    "channel_sigmoid": make_method(gate="channel_sigmoid"),
    "refine_with_dense": make_method(refine_with="dense"),
    "refine_with_unified": make_method(refine_with="unified"),
    "context_and_instance": make_method(refine_with="context_and_instance"),
    "unified_masks": make_method(mask_features="unified"),
    "cross_norm": make_method(cross_norm="applied"),
    "mdin_decoder": make_method(family="mdin"),
    "mdin_decoder_cross_norm": make_method(family="mdin", cross_norm="applied"),
    "fit_a": make_method(fit="A"),
    "fit_b": make_method(fit="B"),
}
"""The full method with one named value changed."""


def make_packing_of(counts) -> Packing:
    """Scenes of so many superpoints side by side."""
    return make_packing(counts, tuple(map(str, range(len(counts)))), torch.device("cpu"))


def make_scenes(counts=(20, 14), points=150, width=WIDTH, instance=True, seed=0) -> SceneBatch:
    """Scenes with `counts` superpoints, each of a clump of points."""
    generator = torch.Generator().manual_seed(seed)
    coordinates, owners = [], []
    for scene, count in enumerate(counts):
        owner = torch.cat(
            [torch.arange(count), torch.randint(count, (points,), generator=generator)]
        )
        centres = torch.rand(count, 3, generator=generator) * 4
        coordinates.append(centres[owner] + 0.1 * torch.randn(len(owner), 3, generator=generator))
        owners.append(owner + sum(counts[:scene]))
    scene_of_point = torch.cat([torch.full((len(o),), i) for i, o in enumerate(owners)])
    metres = torch.cat([c - c.mean(0) for c in coordinates])
    voxels = torch.cat([((c - c.amin(0)) / 0.1).long() for c in coordinates])
    total = sum(counts)
    colours = torch.rand(len(metres), 3, generator=generator) * 2 - 1
    return SceneBatch(
        scene_ids=tuple(f"scene{i:04d}_00" for i in range(len(counts))),
        coordinates=metres,
        voxels=voxels,
        features=torch.cat([colours, metres], 1),
        scene_of_point=scene_of_point,
        superpoint_of_point=torch.cat(owners),
        superpoint_counts=counts,
        dense=torch.randn(total, width, generator=generator),
        dense_seen=torch.rand(total, generator=generator) < 0.8,
        instance=torch.randn(total, width, generator=generator) if instance else None,
        instance_seen=torch.rand(total, generator=generator) < 0.6 if instance else None,
    )


def make_text(scene_of_expression=(0, 0, 1), tokens=9, width=TEXT_WIDTH, seed=0) -> TextBatch:
    """Sentences of different lengths, the longest first."""
    generator = torch.Generator().manual_seed(seed + 1)
    count = len(scene_of_expression)
    lengths = torch.tensor([max(3, tokens - 2 * i) for i in range(count)])
    return TextBatch(
        torch.randn(count, tokens, width, generator=generator),
        torch.arange(tokens) < lengths[:, None],
        torch.tensor(scene_of_expression, dtype=torch.long),
    )


def make_targets(
    scenes: SceneBatch, text: TextBatch, object_ids=((1, 2), (), (0,)), seed=0
) -> TargetBatch:
    """Superpoint i of a scene belongs to object i % 4; object 3 is nobody."""
    generator = torch.Generator().manual_seed(seed + 2)
    within = torch.cat([torch.arange(count) for count in scenes.superpoint_counts])
    owner = torch.where(within % 4 == 3, -1, within % 4)
    longest = max(scenes.superpoint_counts)
    count, tokens = text.valid.shape
    maps = torch.rand(count, 5, tokens, generator=generator) < 0.25
    maps = (maps & text.valid[:, None]).float()
    return TargetBatch(
        instance_of_superpoint=owner,
        object_ids=object_ids,
        relevance=torch.rand(count, longest, generator=generator),
        token_maps=maps / maps.sum(-1, keepdim=True).clamp(min=1),
    )


def make_batch(counts=(20, 14), scene_of_expression=(0, 0, 1), object_ids=((1, 2), (), (0,))):
    """Scenes, sentences and targets that fit each other."""
    scenes, text = make_scenes(counts), make_text(scene_of_expression)
    expressions = tuple(
        Expression(
            "tiny",
            scenes.scene_ids[scene],
            ids,
            number,
            "chair",
            "the chair",
            "st_w_d",
            False,
            False,
            False,
            False,
        )
        for number, (scene, ids) in enumerate(zip(scene_of_expression, object_ids, strict=True))
    )
    return Batch(scenes, text, make_targets(scenes, text, object_ids), expressions)
