"""Which code and which packages made a result."""

import hashlib
import importlib.metadata
import platform
import subprocess
from dataclasses import dataclass
from functools import cache

from flows.places import ROOT


@dataclass(frozen=True)
class Provenance:
    """Commit, uncommitted changes, and the environment."""

    commit: str
    """Empty outside a git checkout."""
    diff: str
    """Uncommitted changes to tracked files."""
    packages: str
    """One `name==version` a line."""
    machine: str

    def tags(self) -> dict[str, str]:
        """Name all of it in short."""
        return {
            "hcfres.commit": self.commit or "not a git checkout",
            "hcfres.uncommitted": _short(self.diff) if self.diff else "nothing",
            "hcfres.packages": _short(self.packages),
            "hcfres.machine": self.machine,
        }


@cache
def provenance() -> Provenance:
    """Look at the checkout and the environment, once a process."""
    packages = sorted(
        {f"{d.metadata['Name']}=={d.version}" for d in importlib.metadata.distributions()},
        key=str.lower,
    )
    machine = f"{platform.machine()}, Python {platform.python_version()}, {platform.system()}"
    return Provenance(_git("rev-parse", "HEAD"), _git("diff", "HEAD"), "\n".join(packages), machine)


def _git(*arguments: str) -> str:
    asked = subprocess.run(
        ["git", "-C", str(ROOT), *arguments], capture_output=True, text=True, check=False
    )
    return asked.stdout.strip() if asked.returncode == 0 else ""


def _short(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]
