"""`python -m tests.golden FOLDER`: every golden check of a folder, a line each.

Ends with 1 if anything differs by more than it may or could not be compared, among it numbers that
no check is for, and if there was nothing to check; with 2 if FOLDER is no folder.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch

from .case import Finding
from .checks import Checkable, checks_of, holds_numbers


def main(arguments: Sequence[str] | None = None) -> int:
    """Check a folder, print what was found, and give the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.golden", description=__doc__)
    parser.add_argument("folder", type=Path, help="laid out like shared/golden")
    folder: Path = parser.parse_args(arguments).folder
    if not folder.is_dir():
        parser.error(f"{folder} is no folder")
    torch.set_num_threads(1)
    checks, unknown = checks_of(folder)
    findings = [finding for check in checks for finding in _printed(check)]
    for name in unknown:
        _say(f"{'FAILED no' if holds_numbers(name) else 'no'} check for {name}")
    failed = sum(not finding.holds for finding in findings) + sum(map(holds_numbers, unknown))
    _say(f"{len(findings)} checks of {len(checks)} files, {failed} failed, {len(unknown)} unknown")
    if not findings:
        _say(f"nothing in {folder} could be checked")
    return 1 if failed or not findings else 0


def _printed(check: Checkable) -> Iterator[Finding]:
    """The findings of a file, each printed; a check that breaks off is one that failed."""
    try:
        for finding in check.check():
            mark = "ok    " if finding.holds else "FAILED"
            limit = f"{finding.difference:.2e} (at most {finding.limit:.0e})"
            _say(f"{mark} {finding.file:<19} {finding.what:<52} {limit}")
            yield finding
    except Exception as error:  # a damaged or unlike file must not hide the others
        _say(f"FAILED {check.name:<19} {type(error).__name__}: {str(error)[:500]}")
        yield Finding(check.name, "could be compared", float("inf"), 0.0)


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
