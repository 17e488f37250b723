"""A cell: one method x setting x seed, the unit that is planned, run, resumed and tabulated."""

from hcfres.config.base import Config
from hcfres.config.method import MethodConfig
from hcfres.config.setting import SettingConfig


class CellConfig(Config):
    """Everything that decides a cell's numbers, resolved; its hash is part of the cell's key."""

    method: MethodConfig
    setting: SettingConfig
    seed: int
