"""The page itself: one HTML file that holds its pictures and needs nothing else."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from hcfres.config.setting import SettingConfig
from hcfres.data.expression import EVAL_TYPES
from hcfres.reporting.dataset_report.anomalies import anomalies
from hcfres.reporting.dataset_report.counts import count_tables, scene_table, source_title
from hcfres.reporting.dataset_report.histograms import histogram
from hcfres.reporting.dataset_report.images import data_uri
from hcfres.reporting.dataset_report.quantities import quantities
from hcfres.reporting.dataset_report.samples import RULE, Sample
from hcfres.reporting.dataset_report.survey import Survey

TEMPLATE = "page.html"


@dataclass(frozen=True)
class Identity:
    """What the page is about, so that the same page can be made again; no date."""

    dataset: str
    """The folder's name."""
    dataset_hash: str
    rooms_version: int | None
    """None where the dataset was not made by this package."""
    code: str
    """The commit, and whether anything was changed since."""


def render(
    survey: Survey, samples: tuple[Sample, ...], setting: SettingConfig, identity: Identity
) -> bytes:
    """Write the page; the same arguments give the same bytes.

    Everything that comes from the dataset is escaped; the page loads nothing and runs nothing.

    Args:
        survey: the dataset.
        samples: scans with pictures.
        setting: whose dataset it is.
        identity: what is stated at the top.
    """
    place = Path(__file__).parent
    environment = Environment(
        loader=FileSystemLoader(place),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"number": number, "uri": data_uri, "signed": lambda gap: f"{gap:+,}"}
    page = environment.get_template(TEMPLATE).render(**_told(survey, samples, setting, identity))
    return page.encode(errors="backslashreplace")


def number(value: int | float | None) -> str:
    """Print a number in at most four digits or, if it is whole, in all; a dash for None."""
    if value is None:
        return "–"
    if float(value).is_integer():
        return f"{int(value):,}"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def _told(
    survey: Survey, samples: tuple[Sample, ...], setting: SettingConfig, identity: Identity
) -> dict[str, Any]:
    """Everything the template prints."""
    is_scannet = setting.data.kind == "scannet"
    return {
        "setting": setting,
        "identity": identity,
        "source": source_title(survey.source, is_scannet=is_scannet),
        "splits": tuple(survey.lists),
        "scans": len(survey.scenes),
        "tables": count_tables(survey, is_scannet=is_scannet),
        "eval_types": EVAL_TYPES,
        "by_scene": scene_table(survey),
        "histograms": tuple(histogram(quantity) for quantity in quantities(survey)),
        "anomalies": anomalies(survey, setting.min_points),
        "rule": RULE,
        "samples": samples,
    }
