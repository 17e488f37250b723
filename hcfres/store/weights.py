"""Which file `weights` of a configuration means, and its identity, without reading a tensor."""

from pathlib import Path

from hcfres.config.identity import digest
from hcfres.config.loading import ConfigError
from hcfres.config.problems import nearest
from hcfres.store.files import file_hash

PACKAGE = "package:"
RANDOM = "random:"
SHIPPED = Path(__file__).resolve().parents[1] / "weights"


def weights_identity(weights: str, root: Path) -> str:
    """Identify weights by what their files hold; untrained ones (`random:SEED`) by the text.

    Args:
        weights: `package:NAME`, `random:SEED`, or a file or folder under `root`.
        root: the workspace's folder of weights.

    Raises:
        ConfigError: there are no such weights.
    """
    if weights.startswith(RANDOM):
        return weights
    if weights.startswith(PACKAGE):
        place = SHIPPED / weights.removeprefix(PACKAGE)
    else:
        place = root / weights
    if place.is_file():
        return file_hash(place)
    files = sorted(p for p in place.rglob("*") if p.is_file() and p.suffix != ".md")
    if not files:
        raise ConfigError(_missing(weights, place))
    return digest(*(part for p in files for part in (str(p.relative_to(place)), file_hash(p))))


def _missing(weights: str, place: Path) -> str:
    if weights.startswith(PACKAGE):
        known = sorted(folder.name for folder in SHIPPED.glob("*") if folder.is_dir())
        hint = nearest(place.name, known, "shipped with the package")
        return f"there are no weights {weights!r}; {hint}"
    return f"there are no weights {weights!r}: put them at {place}"
