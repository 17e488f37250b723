"""The guard on the versions of the rooms and of stages: code that changed, versions that did not.

python -m hcfres.pipeline.guard
    says whose code differs from what is recorded
python -m hcfres.pipeline.guard --raised masks tokens
    records the code of what had its version raised (or is new)
python -m hcfres.pipeline.guard --no-effect masks --because "the loop was split in two"
    records a change that makes the same values: kept results stay valid
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hcfres.pipeline.versions import GUARDED, Guarded
from hcfres.store.files import write_atomic
from hcfres.store.recorded import RECORDED, recorded
from hcfres.store.toml import write_toml

Recorded = dict[str, dict[str, Any]]

HEAD = """\
# The code of the rooms and of each stage when its version was set;
# kept by `python -m hcfres.pipeline.guard`.
# `unchanged`: earlier code of the same version, and why the change has no effect on any result.

"""


class GuardError(ValueError):
    """A record that would hide a change."""


def complaints(told: Recorded, guarded: Sequence[Guarded] = GUARDED) -> tuple[str, ...]:
    """What is wrong between versions, code and record, and what to do about each."""
    found = [_complaint(item, told.get(item.name)) for item in guarded]
    gone = sorted(told.keys() - {item.name for item in guarded})
    found += [f"{name}: recorded, but there is no such stage; remove it" for name in gone]
    return tuple(text for text in found if text)


def record_raised(told: Recorded, item: Guarded) -> Recorded:
    """The record with something whose version was raised, or that is new.

    Raises:
        GuardError: the version is the recorded one.
    """
    old = told.get(item.name)
    if old and old["version"] >= item.version and old["fingerprint"] != item.fingerprint():
        raise GuardError(
            f"{item.name}: version {item.version} is recorded with other code. Raise it in "
            f"{item.set_in} first, or say --no-effect"
        )
    return told | {item.name: {"version": item.version, "fingerprint": item.fingerprint()}}


def record_no_effect(told: Recorded, item: Guarded, because: str) -> Recorded:
    """The record with a change that makes the same values; results of before stay valid.

    Raises:
        GuardError: no reason, no earlier record, or another version.
    """
    old = told.get(item.name)
    if not because.strip():
        raise GuardError(f"{item.name}: say --because, why the change has no effect")
    if not old or old["version"] != item.version:
        raise GuardError(f"{item.name}: version {item.version} is not recorded; say --raised")
    own = item.fingerprint()
    if old["fingerprint"] == own:
        return told
    unchanged = {**old.get("unchanged", {}), old["fingerprint"]: because.strip()}
    unchanged.pop(own, None)
    new = {"version": item.version, "fingerprint": own, "unchanged": unchanged}
    return told | {item.name: new}


def write_record(told: Recorded, path: Path = RECORDED) -> None:
    """Write the record in the order of GUARDED."""
    names = [item.name for item in GUARDED]
    ordered = {name: told[name] for name in sorted(told, key=[*names, *told].index)}
    write_atomic(path, (HEAD + write_toml(ordered)).encode())


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; 0 when code and record agree."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    names = [item.name for item in GUARDED]
    parser.add_argument("--raised", nargs="+", choices=[*names, "all"], default=[])
    parser.add_argument("--no-effect", nargs="+", choices=[*names, "all"], default=[])
    parser.add_argument("--because", default="")
    asked = parser.parse_args(arguments)
    told = recorded()
    try:
        for item in GUARDED:
            if {item.name, "all"} & set(asked.raised):
                told = record_raised(told, item)
            if {item.name, "all"} & set(asked.no_effect):
                told = record_no_effect(told, item, asked.because)
    except GuardError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    if asked.raised or asked.no_effect:
        write_record(told)
    found = complaints(told)
    sys.stdout.write("".join(f"{line}\n" for line in found or ("code and record agree",)))
    return 1 if found else 0


def _complaint(item: Guarded, old: dict[str, Any] | None) -> str:
    command = "python -m hcfres.pipeline.guard"
    if old is None:
        return f"{item.name}: not recorded; run `{command} --raised {item.name}`"
    if old["version"] != item.version:
        return (
            f"{item.name}: version {item.version}, recorded {old['version']}; "
            f"run `{command} --raised {item.name}`"
        )
    if old["fingerprint"] != item.fingerprint():
        return (
            f"{item.name}: its code changed ({old['fingerprint']} -> {item.fingerprint()}) but "
            f"its version is still {item.version}. If any result may change, raise the version in "
            f"{item.set_in} and run `{command} --raised {item.name}`; if none can, "
            f"run `{command} --no-effect {item.name} --because WHY`"
        )
    return ""


if __name__ == "__main__":
    sys.exit(main())
