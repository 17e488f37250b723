"""Which spaCy pipeline a name means, and its identity; spaCy is imported only to load it."""

from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from hcfres.config.identity import digest
from hcfres.config.loading import ConfigError
from hcfres.language.parsing.spacy_backend import SpacyParser
from hcfres.store.files import file_hash

_META = "meta.json"


def load_spacy(name: str, weights_dir: Path) -> SpacyParser:
    """The parser of a pipeline: a folder of that name under `weights_dir`, else a package.

    Nothing of the package is run; its files are read as a folder's.

    Raises:
        ConfigError: spaCy or the pipeline is missing, cannot be read, or gives no dependencies.
    """
    _spacy_version(name)
    place = _place(name, weights_dir)
    from spacy import util  # noqa: PLC0415  # an extra: only those who name it have it

    read = util.load_model_from_path if _is_bare(place) else util.load_model_from_init_py
    try:
        pipeline = read(place if _is_bare(place) else place / "__init__.py", exclude=["ner"])
        doc = pipeline("a chair")
    except Exception as error:  # spaCy raises many kinds
        raise ConfigError(
            f"parser 'spacy:{name}': {place} is not a readable pipeline ({error}); get it again"
        ) from error
    if not (doc.has_annotation("DEP") and doc.has_annotation("POS")):
        parts = ", ".join(pipeline.pipe_names) or "nothing"
        raise ConfigError(
            f"parser 'spacy:{name}': it tells no parts of speech or no dependencies, but "
            f"consists of {parts}; name a pipeline with a tagger and a parser"
        )
    return SpacyParser(pipeline)


def _is_bare(place: Path) -> bool:
    """Whether the pipeline's parts lie in the folder itself, as `Language.to_disk` writes them."""
    return (place / "config.cfg").is_file()


def spacy_identity(name: str, weights_dir: Path) -> str:
    """Identify a pipeline by what its files hold, and by spaCy's version.

    Raises:
        ConfigError: spaCy or the pipeline is missing.
    """
    spacy_version = _spacy_version(name)
    place = _place(name, weights_dir)
    files = sorted(p for p in place.rglob("*") if p.is_file() and p.suffix != ".pyc")
    told = (part for p in files for part in (str(p.relative_to(place)), file_hash(p)))
    return digest("spacy", spacy_version, *told)


def _spacy_version(name: str) -> str:
    try:
        return version("spacy")
    except PackageNotFoundError:
        raise ConfigError(
            f"parser 'spacy:{name}': spaCy is not installed; `pip install 'hcfres[spacy]'`, or "
            'parser = "rules"'
        ) from None


def _place(name: str, weights_dir: Path) -> Path:
    """The folder of a pipeline."""
    if (weights_dir / name / _META).is_file():
        return weights_dir / name
    spec = find_spec(name) if name.isidentifier() else None
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        if (Path(folder) / _META).is_file():
            return Path(folder)
    raise ConfigError(
        f"parser 'spacy:{name}': no pipeline {name!r} is installed, and none lies at "
        f"{weights_dir / name}; `python -m spacy download {name}` installs one of spaCy's own"
    )
