"""What workers are asked to do: module-level functions of plain arguments, each one call deep.

Every job gets a callable that sends events to the flow that waits for it.
"""

import json
import os
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from hcfres.config.cell import CellConfig
from hcfres.config.method import MethodConfig
from hcfres.config.setting import SettingConfig
from hcfres.store.files import write_atomic
from hcfres.store.workspace import Workspace

Emit = Callable[[Any], None]


def make_room(_: Emit, seed: int, root: str, frames: int) -> bool:
    """Write one synthetic room; False if it was there."""
    from hcfres.data.rooms.build import make_room_files  # noqa: PLC0415

    return make_room_files(seed, Path(root), frames)


def make_sentences(_: Emit, rooms: str, root: str) -> None:
    """Write the expressions of all rooms."""
    from hcfres.config.setting import RoomsConfig  # noqa: PLC0415
    from hcfres.data.rooms.build import write_sentences  # noqa: PLC0415

    write_sentences(RoomsConfig.model_validate_json(rooms), Path(root))
