"""A scene's stages in order, and the prepared scene that comes out of them."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hcfres.config.base import Config
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
from hcfres.pipeline.slices import (
    DenseLiftingSettings,
    InstanceLiftingSettings,
    MaskSettings,
    PoolingSettings,
    TokenSettings,
)
from hcfres.store.store import Store
from hcfres.store.weights import weights_identity
