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
