"""The guard on stage versions: code that changed, and versions that did not.

python -m hcfres.pipeline.guard
    says which stages' code differs from what is recorded
python -m hcfres.pipeline.guard --raised masks tokens
    records the code of stages whose version was raised in stages.py (or that are new)
python -m hcfres.pipeline.guard --no-effect masks --because "the loop was split in two"
    records a change that makes the same values: kept results stay valid
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hcfres.pipeline.stages import RECORDED, STAGES, recorded
from hcfres.store.files import write_atomic
from hcfres.store.stage import Stage
from hcfres.store.toml import write_toml

Recorded = dict[str, dict[str, Any]]

HEAD = """\
# The code of each stage when its version was set; kept by `python -m hcfres.pipeline.guard`.
# `unchanged`: earlier code of the same version, and why the change has no effect on any result.

"""


class GuardError(ValueError):
    """A record that would hide a change."""


def complaints(told: Recorded, stages: Sequence[Stage[Any]] = STAGES) -> tuple[str, ...]:
    """What is wrong between the stages and their record, and what to do about each."""
    found = [_complaint(stage, told.get(stage.name)) for stage in stages]
    gone = sorted(told.keys() - {stage.name for stage in stages})
    found += [f"{name}: recorded, but there is no such stage; remove it" for name in gone]
    return tuple(text for text in found if text)


def record_raised(told: Recorded, stage: Stage[Any]) -> Recorded:
    """The record with a stage whose version was raised, or that is new.

    Raises:
        GuardError: the version is the recorded one.
    """
    old = told.get(stage.name)
    if old and old["version"] >= stage.version and old["fingerprint"] != stage.fingerprint():
        raise GuardError(
            f"{stage.name}: version {stage.version} is recorded with other code. Raise it in "
            "hcfres/pipeline/stages.py first, or say --no-effect"
        )
    return told | {stage.name: {"version": stage.version, "fingerprint": stage.fingerprint()}}


def record_no_effect(told: Recorded, stage: Stage[Any], because: str) -> Recorded:
    """The record with a stage whose change makes the same values; results of before stay valid.

    Raises:
        GuardError: no reason, no earlier record, or another version.
    """
    old = told.get(stage.name)
    if not because.strip():
        raise GuardError(f"{stage.name}: say --because, why the change has no effect")
    if not old or old["version"] != stage.version:
        raise GuardError(f"{stage.name}: version {stage.version} is not recorded; say --raised")
    own = stage.fingerprint()
    if old["fingerprint"] == own:
        return told
    unchanged = {**old.get("unchanged", {}), old["fingerprint"]: because.strip()}
    unchanged.pop(own, None)
    new = {"version": stage.version, "fingerprint": own, "unchanged": unchanged}
    return told | {stage.name: new}


def write_record(told: Recorded, path: Path = RECORDED) -> None:
    """Write the record, stages in the order of their line."""
    names = [stage.name for stage in STAGES]
    ordered = {name: told[name] for name in sorted(told, key=[*names, *told].index)}
    write_atomic(path, (HEAD + write_toml(ordered)).encode())


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; 0 when code and record agree."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    names = [stage.name for stage in STAGES]
    parser.add_argument("--raised", nargs="+", choices=[*names, "all"], default=[])
    parser.add_argument("--no-effect", nargs="+", choices=[*names, "all"], default=[])
    parser.add_argument("--because", default="")
    asked = parser.parse_args(arguments)
    told = recorded()
    try:
        for stage in STAGES:
            if {stage.name, "all"} & set(asked.raised):
                told = record_raised(told, stage)
            if {stage.name, "all"} & set(asked.no_effect):
                told = record_no_effect(told, stage, asked.because)
    except GuardError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    if asked.raised or asked.no_effect:
        write_record(told)
    found = complaints(told)
    sys.stdout.write("".join(f"{line}\n" for line in found or ("code and record agree",)))
    return 1 if found else 0


def _complaint(stage: Stage[Any], old: dict[str, Any] | None) -> str:
    command = "python -m hcfres.pipeline.guard"
    if old is None:
        return f"{stage.name}: not recorded; run `{command} --raised {stage.name}`"
    if old["version"] != stage.version:
        return (
            f"{stage.name}: version {stage.version}, recorded {old['version']}; "
            f"run `{command} --raised {stage.name}`"
        )
    if old["fingerprint"] != stage.fingerprint():
        return (
            f"{stage.name}: its code changed ({old['fingerprint']} -> {stage.fingerprint()}) but "
            f"its version is still {stage.version}. If any result may change, raise the version in "
            f"hcfres/pipeline/stages.py and run `{command} --raised {stage.name}`; if none can, "
            f"run `{command} --no-effect {stage.name} --because WHY`"
        )
    return ""


if __name__ == "__main__":
    sys.exit(main())
