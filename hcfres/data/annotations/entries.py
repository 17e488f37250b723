"""The entries of a JSON array one by one: each of the expected form, or rejected with the reason.

A file that is no JSON array at all is one DataError; a single wrong entry is not.
"""

from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, Field, TypeAdapter, ValidationError
from pydantic_core import from_json

from hcfres.data.annotations.annotations import Rejected
from hcfres.data.errors import DataError
from hcfres.data.files import LARGEST_JSON, read_bytes

LARGEST_ID = 2**31 - 1
Id = Annotated[int, Field(ge=0, le=LARGEST_ID, strict=True)]
Coordinate = Annotated[float, Field(allow_inf_nan=False)]
Point = tuple[Coordinate, Coordinate, Coordinate]
SceneName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$")]
Ids = Annotated[list[Id], Field(max_length=4096)]

Form = TypeVar("Form", bound=BaseModel)

_BOM = b"\xef\xbb\xbf"
_SHOWN = 40
_REASONS = 3


def _number(value: object) -> object:
    """ScanRefer writes numbers as strings."""
    if isinstance(value, str) and len(value) < 20 and value.strip().isascii():
        digits = value.strip()
        return int(digits) if digits.isdigit() else value
    return value


AnyId = Annotated[Id, BeforeValidator(_number)]
"""A number, or a string of its digits."""


def read_entries(
    path: Path, form: type[Form], key: tuple[str, ...], way_out: str = ""
) -> list[tuple[str, Form | Rejected]]:
    """Return every entry of the array with its place, `[0]` being the first.

    Args:
        form: what an entry is; keys that it lacks are ignored.
        key: the keys of an entry that together name it.

    Raises:
        DataError: the file is missing, is not JSON, or holds something else than an array.
    """
    validate = TypeAdapter(form).validate_python
    raw = _array(path, way_out)
    found: list[tuple[str, Form | Rejected]] = []
    for number, entry in enumerate(raw):
        place = f"[{number}]"
        raw[number] = None
        if not isinstance(entry, dict):
            reason = f"an object is expected, found {_shown(entry)}"
            found.append((place, Rejected(place, "", reason)))
            continue
        try:
            found.append((place, validate(entry)))
        except ValidationError as error:
            name = "|".join(_shown(entry.get(part), quoted=False) for part in key)
            found.append((place, Rejected(place, name, _reason(error))))
    return found


def _array(path: Path, way_out: str) -> list[Any]:
    content = read_bytes(path, way_out, LARGEST_JSON).removeprefix(_BOM)
    try:
        found = from_json(content)
    except ValueError as error:
        raise DataError(path, f"this is not JSON ({error})", way_out) from None
    if not isinstance(found, list):
        raise DataError(path, f"an array of entries is expected, found {_shown(found)}", way_out)
    return found


def _reason(error: ValidationError) -> str:
    found = error.errors(include_url=False, include_context=False)
    told = [f"{_where(item['loc'])}{item['msg']}{_found(item)}" for item in found[:_REASONS]]
    more = [f"and {len(found) - _REASONS} more"] if len(found) > _REASONS else []
    return "; ".join(told + more)


def _where(location: tuple[int | str, ...]) -> str:
    if not location:
        return ""
    first, *rest = location
    return str(first) + "".join(f"[{r}]" if isinstance(r, int) else f".{r}" for r in rest) + ": "


def _found(item: Any) -> str:
    return "" if item["type"] == "missing" else f", found {_shown(item['input'])}"


def printable(text: str) -> str:
    """The beginning of a text on one line, whatever it holds."""
    return "".join(c if c.isprintable() else "?" for c in text[:_SHOWN])


def _shown(value: object, quoted: bool = True) -> str:
    """A value in few characters; a number may be too long for Python to write."""
    if isinstance(value, str):
        return repr(value[:_SHOWN]) if quoted else printable(value)
    if isinstance(value, list) and not quoted:
        return "_".join(_shown(item) for item in value[:8])
    if value is None:
        return "null"
    if isinstance(value, bool | float):
        return repr(value).lower()
    if isinstance(value, int):
        return str(value) if abs(value) < 1 << 63 else "a very large number"
    return "an array" if isinstance(value, list) else "an object"
