"""Seeds as a person writes them: `1,2,10-19`."""

import re

from hcfres.config.loading import ConfigError
from hcfres.config.problems import shorten

MOST_SEEDS = 1_000_000
_PART = re.compile(r"\s*([0-9]{1,18})(?:-([0-9]{1,18}))?\s*")


def seeds_of(text: str | None) -> tuple[int, ...]:
    """Read a list of seeds; of `None` it is empty.

    Raises:
        ConfigError: something in it is no number or range, comes twice, or there are too many.
    """
    if text is None:
        return ()
    spans = [_span(part, text) for part in text.split(",")]
    if (count := sum(span.stop - span.start for span in spans)) > MOST_SEEDS:
        raise ConfigError(f"--seeds {shorten(text)!r}: {count:,} seeds, at most {MOST_SEEDS:,}")
    seeds = tuple(seed for span in spans for seed in span)
    if len(set(seeds)) != len(seeds):
        raise ConfigError(f"--seeds {shorten(text)!r}: seeds are each given once")
    return seeds


def _span(part: str, text: str) -> range:
    found = _PART.fullmatch(part)
    if found is None:
        raise ConfigError(
            f"--seeds {shorten(text)!r}: write numbers of 0 or more with commas, or ranges as 0-4"
        )
    first = int(found[1])
    last = int(found[2] or first)
    if last < first:
        raise ConfigError(f"--seeds {shorten(text)!r}: {part.strip()} goes backwards")
    return range(first, last + 1)
