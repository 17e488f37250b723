"""Which code, packages and machine made a result."""

import difflib
import hashlib
import importlib.metadata
import platform
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from flows.places import ROOT
from flows.tracing.hardware import Hardware, hardware
from flows.tracking.store import shown_address

_CODE = ("hcfres", "flows", "experiments")
_SUFFIXES = (".py", ".toml")
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://\S*")


@dataclass(frozen=True)
class Provenance:
    """Commit, uncommitted changes, and the environment."""

    commit: str
    """Empty outside a git checkout."""
    diff: str
    """Uncommitted changes to tracked files, and code that is not tracked yet."""
    packages: str
    """One `name==version` a line, Python first."""
    hardware: Hardware
    command: str
    """The command line of this process, without passwords of addresses in it."""

    def tags(self) -> dict[str, str]:
        """Name all of it in short."""
        return {
            "hcfres.commit": self.commit or "not a git checkout",
            "hcfres.uncommitted": short(self.diff) or "nothing",
            "hcfres.packages": short(self.packages),
            "hcfres.machine": str(self.hardware),
            "hcfres.command": self.command,
        }


@cache
def provenance() -> Provenance:
    """Look at the checkout and the environment, once a process."""
    packages = sorted(
        {f"{d.metadata['Name']}=={d.version}" for d in importlib.metadata.distributions()},
        key=str.lower,
    )
    return Provenance(
        commit=_git("rev-parse", "HEAD").strip(),
        diff=_git("diff", *_PLAIN, "HEAD") + "".join(map(_as_diff, _untracked())),
        packages="\n".join((f"python=={platform.python_version()}", *packages)),
        hardware=hardware(),
        command=_command(),
    )


_PLAIN = ("--no-ext-diff", "--no-color", "--src-prefix=a/", "--dst-prefix=b/")
"""Whatever a person's configuration of git says, the same text everywhere, and a patch."""


def short(text: str) -> str:
    """Identify a text in twelve digits; nothing is the empty text."""
    return hashlib.sha256(text.encode()).hexdigest()[:12] if text else ""


def _command() -> str:
    program = Path(sys.argv[0])
    name = "hcfres" if program.stem in ("cli", "hcfres") else program.name
    return shlex.join((name, *map(_without_secrets, sys.argv[1:])))


def _without_secrets(argument: str) -> str:
    """Leave user, password and options out of the addresses in an argument."""
    return _ADDRESS.sub(lambda found: shown_address(found[0]), argument)


def _untracked() -> list[Path]:
    listed = _git("ls-files", "-z", "--others", "--exclude-standard", "--", *_CODE)
    paths = [ROOT / name for name in listed.split("\0") if name.endswith(_SUFFIXES)]
    return [path for path in paths if path.is_file()]


def _as_diff(path: Path) -> str:
    """What `git diff` would say of a file that was just added."""
    lines = path.read_text(errors="replace").splitlines(keepends=True)
    name = path.relative_to(ROOT).as_posix()
    return "".join(difflib.unified_diff([], lines, "/dev/null", f"b/{name}"))


def _git(*arguments: str) -> str:
    asked = subprocess.run(["git", "-C", str(ROOT), *arguments], capture_output=True, check=False)
    return asked.stdout.decode(errors="replace") if asked.returncode == 0 else ""
