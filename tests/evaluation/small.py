"""Rooms of coloured clumps in memory, with the batches a pipeline would make of them."""

from collections.abc import Sequence

import numpy as np
import torch

from hcfres.config.cell import CellConfig
from hcfres.config.method import (
    DecoderConfig,
    FusionConfig,
    LossConfig,
    MethodConfig,
    QueryConfig,
    SemanticsConfig,
)
from hcfres.config.setting import (
    DataConfig,
    EncoderConfig,
    LiftingConfig,
    MaskConfig,
    RoomsConfig,
    SettingConfig,
    SizeConfig,
    SuperpointConfig,
    TextConfig,
    TrainingConfig,
)
from hcfres.data.batch import Batch, SceneBatch, TargetBatch, TextBatch
from hcfres.data.expression import Expression
from hcfres.data.scene import NO_OBJECT, Scene, SceneObject
from hcfres.evaluation.answers import SceneTruth, scene_truth
from hcfres.training.order import Chunk

CLASSES = ("chair", "table", "sofa", "lamp")
OBJECTS, PARTS, POINTS, LOOSE = 5, 3, 12, 5
MIN_POINTS = 10

METHOD = MethodConfig(
    name="hcf_res",
    title="HCF-RES",
    semantics=SemanticsConfig(
        granularities=("pixel", "instance"),
        least_sharpness=0.0,
        grid="wide",
        layer=-1,
        instance_space="tokens",
        blur_sigma_cells=0.25,
        overlap="smallest",
    ),
    fusion=FusionConfig(
        within_2d="attention",
        across="adaptive",
        gate="scalar",
        refine=True,
        refine_with="instance",
        mask_features="geometry",
        fit="C",
    ),
    queries=QueryConfig(spatial_attention=True),
    decoder=DecoderConfig(family="prompt_aware", layers=2, cross_norm="none"),
    losses=LossConfig(
        mask_bce=1.0, mask_dice=1.0, score=0.5, sampling=5.0, indicator=0.5, contrastive=0.1
    ),
    legacy=(),
)


def make_cell(method=METHOD, seed=0, **training) -> CellConfig:
    """A cell of a very small network."""
    encoder = EncoderConfig(model="tiny", weights="random:0")
    text = TextConfig(model="tiny", weights="random:0", parser="rules")
    rooms = RoomsConfig(
        train_rooms=2,
        val_rooms=1,
        frames_per_room=1,
        train_expressions_per_room=6,
        val_expressions_per_room=6,
    )
    changed = {
        "epochs": 2,
        "scenes_per_batch": 2,
        "expressions_per_scene": 4,
        "learning_rate": 2e-3,
        "weight_decay": 1e-4,
        "decay_power": 1.0,
        "clip_norm": 1.0,
        "backbone": "trained",
        "text": "frozen",
        "backbone_weights": "random:0",
        "accumulate": 1,
        "precision": "fp32",
        "keep": ("last",),
    } | training
    setting = SettingConfig(
        name="small",
        title="small",
        min_points=MIN_POINTS,
        seeds=(0,),
        data=DataConfig(
            kind="rooms", expressions="multi3drefer", frame_every=1, held_out=0.1, rooms=rooms
        ),
        superpoints=SuperpointConfig(source="mesh", k_threshold=0.01, min_vertices=5),
        sam=encoder,
        clip=encoder,
        text=text,
        masks=MaskConfig(
            points_per_side=2, predicted_iou=0.0, stability=0.0, nms_iou=0.7, min_area_px=1
        ),
        lifting=LiftingConfig(radius_m=0.1, neighbours=4, max_depth_m=10.0),
        size=SizeConfig(
            voxel_m=0.1,
            backbone_channels=8,
            backbone_levels=2,
            dim=16,
            heads=2,
            ffn_dim=32,
            projection_dim=8,
            seeds=20,
            queries=16,
            neighbours=4,
        ),
        training=TrainingConfig(**changed),
    )
    return CellConfig(method=method, setting=setting, seed=seed)


class SmallRooms:
    """A source of batches and a split to evaluate; each room follows from its number."""

    def __init__(self, *numbers: int, expressions: int = 6) -> None:
        self._rooms = {f"scene{n:04d}_00": _room(n, expressions) for n in numbers}

    @property
    def counts(self) -> dict[str, int]:
        return {name: len(room[1]) for name, room in self._rooms.items()}

    @property
    def scene_ids(self) -> tuple[str, ...]:
        return tuple(self._rooms)

    @property
    def zero_targets(self) -> tuple[Chunk, ...]:
        return tuple(
            Chunk(name, (index,))
            for name, (_, expressions) in self._rooms.items()
            for index, expression in enumerate(expressions)
            if not expression.object_ids
        )

    def truth(self, scene_id: str) -> SceneTruth:
        scene, expressions = self._rooms[scene_id]
        return scene_truth(scene, LABELS, expressions)

    def whole(self, scene_id: str) -> Batch:
        count = self.counts[scene_id]
        return self.batch((Chunk(scene_id, tuple(range(count))),), ())

    def batch(self, chunks: tuple[Chunk, ...], rngs: Sequence[np.random.Generator]) -> Batch:
        rooms = [self._rooms[chunk.scene_id][0] for chunk in chunks]
        asked = [
            (place, self._rooms[chunk.scene_id][1][index])
            for place, chunk in enumerate(chunks)
            for index in chunk.expressions
        ]
        owners = torch.from_numpy(np.tile(OWNERS, len(chunks)))
        expressions = tuple(expression for _, expression in asked)
        text, maps = _words(expressions)
        return Batch(
            _pack(rooms),
            TextBatch(
                text,
                torch.ones(text.shape[:2], dtype=torch.bool),
                torch.tensor([place for place, _ in asked]),
            ),
            TargetBatch(owners, tuple(e.object_ids for e in expressions), _near(asked), maps),
            expressions,
        )


OWNERS = np.concatenate([np.repeat(np.arange(OBJECTS), PARTS), np.full(LOOSE, NO_OBJECT)])
"""Object of each superpoint."""
LABELS = np.repeat(np.arange(len(OWNERS)), POINTS)


def _room(number: int, count: int) -> tuple[Scene, tuple[Expression, ...]]:
    rng = np.random.default_rng(number)
    centres = rng.uniform(0, 4, (OBJECTS, 3))
    parts = np.where(
        (OWNERS >= 0)[:, None],
        centres[OWNERS] + rng.normal(0, 0.3, (len(OWNERS), 3)),
        rng.uniform(0, 4, (len(OWNERS), 3)),
    )
    vertices = parts[LABELS] + rng.normal(0, 0.05, (len(LABELS), 3))
    kinds = rng.integers(0, len(CLASSES), OBJECTS)
    instances = OWNERS[LABELS]
    tints = np.append(kinds * 60, 255)[instances]
    name = f"scene{number:04d}_00"
    scene = Scene(
        scene_id=name,
        vertices=vertices.astype(np.float32),
        colours=np.stack([tints, 255 - tints, tints // 2], axis=1).astype(np.uint8),
        faces=np.zeros((0, 3), np.int64),
        instances=instances,
        semantics=np.zeros(len(LABELS), np.int64),
        segments=None,
        objects=tuple(SceneObject(i, CLASSES[kind], 1) for i, kind in enumerate(kinds)),
    )
    return scene, tuple(_ask(name, kinds, index) for index in range(count))


def _ask(scene_id: str, kinds: np.ndarray, index: int) -> Expression:
    kind = index % len(CLASSES)
    ids = tuple(int(i) for i in np.flatnonzero(kinds == kind))
    eval_type = ("zt_wo_d", "st_wo_d")[len(ids)] if len(ids) < 2 else "mt"
    name, flags = CLASSES[kind], (False, False, False, False)
    asked = f"the {name}"
    return Expression("multi3drefer", scene_id, ids, index, name, asked, eval_type, *flags)


def _pack(rooms: list[Scene]) -> SceneBatch:
    """Each superpoint's 2D feature is the class of its object."""
    metres = [torch.from_numpy(r.vertices - r.vertices.mean(0)) for r in rooms]
    colours = [torch.from_numpy(r.colours).float() / 127.5 - 1 for r in rooms]
    seen = torch.ones(len(OWNERS) * len(rooms), dtype=torch.bool)
    kinds = [[CLASSES.index(thing.label) for thing in room.objects] for room in rooms]
    classes = np.concatenate([np.append(kind, len(CLASSES))[OWNERS] for kind in kinds])
    dense = torch.eye(len(CLASSES) + 1)[torch.from_numpy(classes)]
    return SceneBatch(
        scene_ids=tuple(room.scene_id for room in rooms),
        coordinates=torch.cat(metres),
        voxels=torch.cat([((xyz - xyz.amin(0)) / 0.1).long() for xyz in metres]),
        features=torch.cat([torch.cat(colours), torch.cat(metres)], 1),
        scene_of_point=torch.arange(len(rooms)).repeat_interleave(len(LABELS)),
        superpoint_of_point=torch.cat(
            [torch.from_numpy(LABELS) + len(OWNERS) * i for i in range(len(rooms))]
        ),
        superpoint_counts=(len(OWNERS),) * len(rooms),
        dense=dense,
        dense_seen=seen,
        instance=dense.clone(),
        instance_seen=seen.clone(),
    )


def _words(expressions: tuple[Expression, ...]) -> tuple[torch.Tensor, torch.Tensor]:
    """Four tokens: `the`, the class, and two that close the sentence."""
    kinds = torch.tensor([CLASSES.index(e.object_name) for e in expressions])
    text = torch.zeros(len(kinds), 4, len(CLASSES) + 3)
    text[torch.arange(len(kinds)), 1, kinds] = 1
    text[:, [0, 2, 3], [4, 5, 6]] = 1
    maps = torch.zeros(len(kinds), 5, 4)
    maps[:, 0, 1] = 1
    return text, maps


def _near(asked: list[tuple[int, Expression]]) -> torch.Tensor:
    rows = [np.isin(OWNERS, expression.object_ids) for _, expression in asked]
    return torch.from_numpy(np.stack(rows)).float()
