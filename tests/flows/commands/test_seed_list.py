"""Seeds as a person writes them."""

import pytest

from flows.commands.seed_list import MOST_SEEDS, seeds_of
from hcfres.config.loading import ConfigError


def test_numbers_and_ranges_are_seeds_in_the_order_written():
    assert seeds_of(None) == ()
    assert seeds_of("7") == (7,)
    assert seeds_of("1,2, 10-13 ,5") == (1, 2, 10, 11, 12, 13, 5)
    assert len(seeds_of("0-999999")) == MOST_SEEDS


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "write numbers of 0 or more"),
        ("1,", "write numbers of 0 or more"),
        ("-1", "write numbers of 0 or more"),
        ("1.5", "write numbers of 0 or more"),
        ("1-2-3", "write numbers of 0 or more"),
        ("five", "write numbers of 0 or more"),
        ("9" * 40, "write numbers of 0 or more"),
        ("5-3", "5-3 goes backwards"),
        ("1,2,1", "seeds are each given once"),
        ("1-5,3", "seeds are each given once"),
        ("0-1000000", "1,000,001 seeds, at most 1,000,000"),
        ("0-999999999999999999", "1,000,000,000,000,000,000 seeds"),
    ],
)
def test_anything_else_is_refused_before_it_is_expanded(text, reason):
    with pytest.raises(ConfigError, match="--seeds") as refused:
        seeds_of(text)
    assert reason in str(refused.value)
