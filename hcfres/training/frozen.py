"""A frozen U-Net looks at a scene that never changes once, not once a step."""

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from hcfres.data.batch import Batch, SceneBatch
from hcfres.model.network import HcfRes
from hcfres.model.output import NetworkOutput


class FrozenGeometry:
    """Calls a network with F_3d of each scene remembered.

    Right only while the U-Net is frozen and scenes are not augmented. F_3d is computed for each
    scene alone, so that it does not depend on what a batch happens to put beside it.

    Args:
        network: its U-Net was frozen.
        scene: a scene by its id, on the network's device.
    """

    def __init__(self, network: HcfRes, scene: Callable[[str], SceneBatch]) -> None:
        self._network = network
        self._scene = scene
        self._known: dict[str, Tensor] = {}

    def __call__(self, batch: Batch) -> NetworkOutput:
        """The network's predictions for a batch."""
        geometry = [self._geometry(scene_id) for scene_id in batch.scenes.scene_ids]
        encoded = self._network.encode(batch.scenes, torch.cat(geometry))
        return self._network.decode(encoded, batch.text)

    @torch.no_grad()
    def _geometry(self, scene_id: str) -> Tensor:
        if scene_id not in self._known:
            scene = replace(self._scene(scene_id), moved=True)  # not looked at again
            self._known[scene_id] = self._network.encoder.geometry(scene)
        return self._known[scene_id]
