"""A scene's stages in order, and the prepared scene that comes out of them.

Nothing here imports torch: keys, and what is in the store, are known without it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from hcfres.config.base import Config
from hcfres.config.identity import digest
from hcfres.config.loading import ConfigError
from hcfres.config.method import Legacy, MethodConfig, SemanticsConfig
from hcfres.config.setting import SettingConfig
from hcfres.data.features import (
    FrameMasks,
    FrameTokens,
    InstanceFeatures,
    LiftingOperator,
    SuperpointFeatures,
    Superpoints,
)
from hcfres.data.scene import Scene
from hcfres.data.source import SceneSource
from hcfres.pipeline import stages
from hcfres.pipeline.jobs import Event, Job, Progress, silent
from hcfres.pipeline.places import Machine, Place
from hcfres.pipeline.slices import (
    DenseLiftingSettings,
    InstanceLiftingSettings,
    MaskSettings,
    PoolingSettings,
    TokenSettings,
    TokenView,
    given_names,
    stage_names,
)
from hcfres.pipeline.token_grid import grid_of, is_square
from hcfres.store.stage import Stage
from hcfres.store.store import Store
from hcfres.store.weights import weights_identity

_OF_LIFTING: tuple[Legacy, ...] = ("first_neighbours", "dilute_unseen")


@dataclass(frozen=True)
class Preparation:
    """Where results are kept, what computes them, and who is told."""

    store: Store
    machine: Machine
    progress: Progress = silent


@dataclass(frozen=True)
class PreparedScene:
    """A scan with what the frozen encoders know of its superpoints."""

    scene: Scene
    superpoints: Superpoints
    dense: SuperpointFeatures | None
    """F_dense; None when the method has no images."""
    instance: SuperpointFeatures | None
    """F_inst; None without the instance granularity."""


@dataclass(frozen=True)
class SceneJobs:
    """The stages of one scene for one method in one setting, each keyed by what it depends on.

    A stage's values are asked for only when it is made, so that a scene whose last results are
    in the store needs none of the intermediate ones.
    """

    source: SceneSource
    scene_id: str
    setting: SettingConfig
    method: MethodConfig
    preparation: Preparation

    @cached_property
    def superpoints(self) -> Job[Superpoints]:
        """The over-segmentation."""
        config = self.setting.superpoints
        return self._job(
            stages.SUPERPOINTS,
            config,
            (self._scene_hash,),
            lambda: stages.SUPERPOINTS.make(self._place, config),
        )

    @cached_property
    def masks(self) -> Job[FrameMasks]:
        """SAM's masks."""
        sam, config = self.setting.sam, self.setting.masks
        told = MaskSettings(model=sam.model, weights=self._weights(sam.weights), masks=config)
        return self._job(
            stages.MASKS,
            told,
            (self._frames_hash,),
            lambda: stages.MASKS.make(
                self._place, sam, config, self.preparation.machine, self._frames_done
            ),
        )

    @cached_property
    def tokens(self) -> Job[FrameTokens]:
        """CLIP's tokens."""
        clip, view = self.setting.clip, self._view
        told = TokenSettings(model=clip.model, weights=self._weights(clip.weights), view=view)
        return self._job(
            stages.TOKENS,
            told,
            (self._frames_hash,),
            lambda: stages.TOKENS.make(self._place, clip, view, self.preparation.machine),
        )

    @cached_property
    def instances(self) -> Job[InstanceFeatures]:
        """A feature of every mask."""
        masks, tokens, semantics = self.masks, self.tokens, self._semantics
        told = PoolingSettings(
            blur_sigma_cells=semantics.blur_sigma_cells, instance_space=semantics.instance_space
        )
        return self._job(
            stages.INSTANCES,
            told,
            (masks.key, tokens.key),
            lambda: stages.INSTANCES.make(
                masks.value(),
                tokens.value(),
                semantics,
                self.setting.clip,
                self.preparation.machine,
            ),
            (masks, tokens),
        )

    @cached_property
    def dense_operator(self) -> Job[LiftingOperator]:
        """From tokens to superpoints."""
        superpoints, lifting, legacy = self.superpoints, self.setting.lifting, self._legacy
        rows, columns = grid_of(self.setting.clip.model, self._view.square)
        return self._job(
            stages.DENSE_OPERATOR,
            DenseLiftingSettings(lifting=lifting, rows=rows, columns=columns, legacy=legacy),
            (self._scene_hash, self._frames_hash, superpoints.key),
            lambda: stages.DENSE_OPERATOR.make(
                self._place, superpoints.value(), (rows, columns), lifting, legacy
            ),
            (superpoints,),
        )

    @cached_property
    def instance_operator(self) -> Job[LiftingOperator]:
        """From masks to superpoints."""
        superpoints, masks = self.superpoints, self.masks
        lifting, legacy, overlap = self.setting.lifting, self._legacy, self._semantics.overlap
        return self._job(
            stages.INSTANCE_OPERATOR,
            InstanceLiftingSettings(lifting=lifting, overlap=overlap, legacy=legacy),
            (self._scene_hash, self._frames_hash, superpoints.key, masks.key),
            lambda: stages.INSTANCE_OPERATOR.make(
                self._place, superpoints.value(), masks.value(), overlap, lifting, legacy=legacy
            ),
            (superpoints, masks),
        )

    @cached_property
    def dense(self) -> Job[SuperpointFeatures]:
        """F_dense."""
        operator, tokens = self.dense_operator, self.tokens
        return self._job(
            stages.DENSE,
            None,
            (operator.key, tokens.key),
            lambda: stages.DENSE.make(operator.value(), tokens.value()),
            (operator, tokens),
        )

    @cached_property
    def instance(self) -> Job[SuperpointFeatures]:
        """F_inst."""
        operator, instances = self.instance_operator, self.instances
        return self._job(
            stages.INSTANCE,
            None,
            (operator.key, instances.key),
            lambda: stages.INSTANCE.make(operator.value(), instances.value()),
            (operator, instances),
        )

    @property
    def final(self) -> tuple[Job[Any], ...]:
        """The results that the method is given."""
        return tuple(getattr(self, name) for name in given_names(self.method))

    @property
    def all(self) -> tuple[Job[Any], ...]:
        """Every stage that the method needs, each after those it is made from."""
        return tuple(getattr(self, name) for name in stage_names(self.method))

    def missing(self) -> tuple[Job[Any], ...]:
        """The stages that are not in the store though a result that the method is given needs them.

        Empty when every final result is there.
        """
        absent = [job for job in self.final if job.find() is None]
        return tuple(job for job in self.all if job.find() is None) if absent else ()

    def prepare(self) -> PreparedScene:
        """Make what is missing and read the results."""
        found = {job.stage.name: job.value() for job in self.final}
        return PreparedScene(
            self.source.scene(self.scene_id),
            found["superpoints"],
            found.get("dense"),
            found.get("instance"),
        )

    @property
    def _place(self) -> Place:
        least = self.method.semantics.least_sharpness if self.method.semantics else 0.0
        return Place(self.source, self.scene_id, self.setting.data.frame_every, least)

    @cached_property
    def _scene_hash(self) -> str:
        return self.source.scene_hash(self.scene_id)

    @cached_property
    def _frames_hash(self) -> str:
        """Identify the frames that are looked at: their files and, where one is on, the filter."""
        found = self.source.frames_hash(self.scene_id, self.setting.data.frame_every)
        least = self._semantics.least_sharpness
        return digest(found, least) if least else found

    @property
    def _view(self) -> TokenView:
        """How CLIP looks at the frames."""
        return TokenView(
            square=is_square(self.method, self._semantics),
            centre_crop="centre_crop" in self.method.legacy,
            layer=self._semantics.layer,
        )

    @property
    def _semantics(self) -> SemanticsConfig:
        if self.method.semantics is None:
            raise ConfigError(f"method {self.method.name!r} has no images: no `semantics` table")
        return self.method.semantics

    @property
    def _legacy(self) -> tuple[Legacy, ...]:
        return tuple(name for name in _OF_LIFTING if name in self.method.legacy)

    def _weights(self, weights: str) -> str:
        return weights_identity(weights, self.preparation.machine.weights)

    def _frames_done(self, frames: int) -> None:
        event = Event(stages.MASKS.name, self.scene_id, "frame", frames=frames)
        self.preparation.progress(event)

    def _job(
        self,
        stage: Stage[Any],
        settings: Config | None,
        inputs: tuple[str, ...],
        make: Callable[[], Any],
        needs: tuple[Job[Any], ...] = (),
    ) -> Job[Any]:
        store, progress = self.preparation.store, self.preparation.progress
        return Job(store, stage, self.scene_id, settings, inputs, make, needs, progress)


def prepare_scene(
    source: SceneSource,
    scene_id: str,
    setting: SettingConfig,
    method: MethodConfig,
    preparation: Preparation,
) -> PreparedScene:
    """A scene's superpoints and features, from the store or made now.

    Raises:
        DataError: the scan or a frame is missing or broken.
        ConfigError: an encoder or its weights are not there.
        StoreError: the disk is full, or an expensive result was made by other code.
    """
    return SceneJobs(source, scene_id, setting, method, preparation).prepare()
