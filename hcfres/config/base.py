"""The one base class of every configuration in the project."""

from typing import Annotated

from annotated_types import Ge, Gt
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

Positive = Annotated[int, Ge(1)]
PositiveFloat = Annotated[float, Gt(0)]
Fraction = Annotated[float, Field(ge=0, le=1)]


def _once_each(seeds: tuple[int, ...]) -> tuple[int, ...]:
    if len(set(seeds)) != len(seeds):
        raise ValueError("a seed stands there twice")
    return seeds


Seeds = Annotated[
    tuple[Annotated[int, Ge(0)], ...], Field(min_length=1), AfterValidator(_once_each)
]


class Config(BaseModel):
    """Immutable, strictly typed, and closed: a key nobody declared is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)
