"""Which rows may stand in one table: those whose numbers have the same passport."""

from collections.abc import Sequence

from hcfres.data.errors import DataError
from hcfres.evaluation.passport import Passport, differences

Row = tuple[str, tuple[Passport, ...]]
"""A row's label and the passports of its numbers, one a level; none where nothing is known."""
_WAY_OUT = "Put them into tables of their own, or evaluate again under one passport"


def require_comparable(rows: Sequence[Row], table: str) -> None:
    """Refuse rows whose passports differ in level, thresholds, rule or split.

    What a method was given may differ: that is said beside the numbers.

    Raises:
        DataError: two rows differ; the fields and both values are named.
    """
    if not rows:
        return
    (first, expected), *others = rows
    for label, passports in others:
        if bool(passports) != bool(expected):
            without = first if passports else label
            reason = f"the numbers of {without!r} have no passport, those of other rows do"
            raise DataError(table, reason, "Evaluate it again")
        gaps = _gaps(expected, passports)
        if gaps:
            reason = f"{first!r} and {label!r} do not compare: they differ in {', '.join(gaps)}"
            raise DataError(table, reason, _WAY_OUT)


def _gaps(one: tuple[Passport, ...], other: tuple[Passport, ...]) -> tuple[str, ...]:
    levels, others = (sorted(passport.level for passport in some) for some in (one, other))
    if levels != others:
        return (f"level ({', '.join(levels)} / {', '.join(others)})",)
    of_level = {passport.level: passport for passport in other}
    found = (gap for passport in one for gap in differences(passport, of_level[passport.level]))
    return tuple(dict.fromkeys(found))


def said(rows: Sequence[Row]) -> str:
    """The passports of comparable rows in words, and what each row was given; "" of none."""
    known = [(label, passports) for label, passports in rows if passports]
    if not known:
        return ""
    numbers = "; ".join(str(passport).partition("; given: ")[0] for passport in known[0][1])
    given = {label: str(passports[0].given) for label, passports in known}
    same = set(given.values())
    if len(same) == 1:
        told = same.pop()
    else:
        told = "; ".join(f"{label}: {what}" for label, what in given.items())
    return f"Numbers: {numbers}. Given beside the point cloud and the sentence: {told}."
