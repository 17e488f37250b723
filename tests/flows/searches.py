"""Searches small enough to run for real: a room held out, untrained encoders, seconds a cell."""

import shutil
from pathlib import Path

from flows.places import EXPERIMENTS

SMALL = """
title      = "A search for tests"
dataset    = "multi3drefer"
base       = "hcf_res"
setting    = "small"
objectives = ["held_out_miou"]
trials     = 4
seed       = 0
cell_seed  = 1999
sampler    = { kind = "random" }
confirm    = { best = 1, seeds = [2000] }

[space]
fusion.within_2d = { choices = ["attention", "add", "mean"] }
fusion.across    = { choices = ["adaptive", "add"] }
fusion.gate      = { choices = ["scalar", "channel"], when = { fusion.across = ["adaptive"] } }
"""
"""Nine points."""


def experiments(folder: Path, text: str = SMALL) -> Path:
    """Write a folder of experiments with a small setting, and the search `small_search` in it."""
    (folder / "settings").mkdir(parents=True)
    shutil.copytree(EXPERIMENTS / "methods", folder / "methods")
    setting = (EXPERIMENTS / "settings" / "smoke.toml").read_text()
    for old, new in (
        ('name       = "smoke"', 'name       = "small"'),
        ("held_out    = 0.0", "held_out    = 0.3"),
        ("train_rooms                = 1", "train_rooms                = 2"),
        ("epochs                = 1", "epochs                = 6"),
        ("learning_rate         = 1e-3", "learning_rate         = 1e-2"),
    ):
        assert old in setting, old
        setting = setting.replace(old, new)
    (folder / "settings" / "small.toml").write_text(setting)
    path = folder / "small_search.toml"
    path.write_text(text)
    return path
