"""Everything about a scene that no sentence enters; computed once for all its expressions."""

from dataclasses import dataclass

from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from hcfres.data.batch import SceneBatch
from hcfres.model.adapter import Adapter
from hcfres.model.backbone import SparseUNet
from hcfres.model.fusion.fusion import Fused, Fusion, VisualFeatures
from hcfres.model.selection import Seeds, sample_seeds
from hcfres.model.spatial import SpatialAttention
from hcfres.model.superpoints import Packing, make_packing, pool


@dataclass(frozen=True)
class Semantics:
    """The 2D features that the refinement looks at."""

    features: Float[Tensor, "scenes max_superpoints dim"]
    hidden: Bool[Tensor, "scenes max_superpoints"]
    """True where nothing was seen, or no superpoint stands."""


@dataclass(frozen=True)
class SceneEncoding:
    """What sentences are asked about; scenes padded to the one with most superpoints."""

    unified: Float[Tensor, "scenes max_superpoints dim"]
    """V_unified (Eq. 6); V_3d for methods without images. 0 at padding."""
    mask_features: Float[Tensor, "scenes max_superpoints dim"]
    """What queries are multiplied with to give mask logits; from 3D alone. 0 at padding."""
    centroids: Float[Tensor, "scenes max_superpoints 3"]
    padded: Bool[Tensor, "scenes max_superpoints"]
    seeds: Seeds
    seed_features: Float[Tensor, "scenes seeds dim"]
    seed_queries: Float[Tensor, "scenes seeds dim"]
    """The query that each seed would become."""
    semantics: Semantics | None
    """None for methods without images."""
    gate: Float[Tensor, "scenes max_superpoints 2 gate"] | None
    """w_2D and w_3D of each superpoint (Eq. 6), one or one a channel, to be looked at; 0 at
    padding, None for methods without a gate."""


class SceneEncoder(nn.Module):
    """Point cloud and lifted 2D features to a SceneEncoding.

    Args:
        masks_of_unified: make the mask features of V_unified instead of F_3d.
        fusion: None for methods without images.
        spatial: None for methods whose seeds do not look around.
        seeds: N_seeds.
        skips_origin: sample seeds as the ancestors do.
    """

    def __init__(
        self,
        *,
        backbone: SparseUNet,
        adapter: Adapter,
        mask_features: nn.Module,
        masks_of_unified: bool,
        query_generator: nn.Module,
        fusion: Fusion | None,
        spatial: SpatialAttention | None,
        seeds: int,
        skips_origin: bool,
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.adapter = adapter
        self.mask_features = mask_features
        self.masks_of_unified = masks_of_unified
        self.query_generator = query_generator
        self.fusion = fusion
        self.spatial = spatial
        self.seeds, self.skips_origin = seeds, skips_origin

    def geometry(self, scenes: SceneBatch) -> Float[Tensor, "superpoints channels"]:
        """F_3d: the U-Net's point features, averaged in each superpoint (Sec. III-B)."""
        points = self.backbone(
            scenes.voxels,
            scenes.features,
            scenes.scene_of_point,
            len(scenes.scene_ids),
            scenes.moved,
        )
        return pool(points, scenes.superpoint_of_point, sum(scenes.superpoint_counts))

    def fuse(
        self, scenes: SceneBatch, geometry: Float[Tensor, "superpoints channels"]
    ) -> SceneEncoding:
        """V_unified, seeds and their queries from F_3d and the 2D features.

        Raises:
            ValueError: a scene has no superpoints, or the batch lacks features the method needs.
        """
        counts = scenes.superpoint_counts
        packing = make_packing(counts, scenes.scene_ids, geometry.device)
        centroids = packing.pack(pool(scenes.coordinates, scenes.superpoint_of_point, sum(counts)))
        adapted = self.adapter(geometry)
        fused = self._fused(scenes, adapted, packing)
        flat = adapted if fused is None else fused.unified
        unified = packing.pack(flat)
        seeds = sample_seeds(centroids, counts, self.seeds, self.skips_origin)
        seed_features = gather_rows(unified, seeds.index)
        if self.spatial is not None:
            positions = gather_rows(centroids, seeds.index)
            seed_features = self.spatial(seed_features, positions, seeds.padded)
        return SceneEncoding(
            unified=unified,
            mask_features=packing.pack(
                self.mask_features(flat if self.masks_of_unified else geometry)
            ),
            centroids=centroids,
            padded=packing.padded,
            seeds=seeds,
            seed_features=seed_features,
            seed_queries=self.query_generator(seed_features),
            semantics=None if fused is None else _semantics(fused, packing),
            gate=None if fused is None else _gate(fused, packing),
        )

    def forward(
        self, scenes: SceneBatch, geometry: Float[Tensor, "superpoints channels"] | None = None
    ) -> SceneEncoding:
        """Both steps; `geometry` is given when it is known already (a frozen U-Net)."""
        return self.fuse(scenes, self.geometry(scenes) if geometry is None else geometry)

    def _fused(
        self,
        scenes: SceneBatch,
        adapted: Float[Tensor, "superpoints dim"],
        packing: Packing,
    ) -> Fused | None:
        if self.fusion is None:
            return None
        if scenes.dense is None or scenes.dense_seen is None:
            raise ValueError("the method fuses 2D features, but the batch has no dense ones")
        with_instances = self.fusion.instances
        if with_instances and scenes.instance is None:
            raise ValueError("the method fuses instance features, but the batch has none")
        visual = VisualFeatures(
            scenes.dense,
            scenes.dense_seen,
            scenes.instance if with_instances else None,
            scenes.instance_seen if with_instances else None,
        )
        return self.fusion(adapted, visual, packing)


def _semantics(fused: Fused, packing: Packing) -> Semantics:
    visible = packing.mark(fused.seen)
    visible = visible | (~visible.any(1, keepdim=True) & ~packing.padded)
    return Semantics(packing.pack(fused.semantics), ~visible)


def _gate(fused: Fused, packing: Packing) -> Float[Tensor, "scenes max_superpoints 2 gate"] | None:
    if fused.weights is None:
        return None
    return packing.pack(fused.weights.flatten(1)).unflatten(2, (2, -1))


def gather_rows(
    table: Float[Tensor, "batch length width"], index: Int[Tensor, "batch chosen"]
) -> Float[Tensor, "batch chosen width"]:
    """Rows `index` of each table of the batch."""
    return table.gather(1, index[..., None].expand(-1, -1, table.shape[-1]))
