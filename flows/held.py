"""An argument that stays with us.

Prefect keeps what a flow is given, up to half a megabyte, and looks for futures in every part of
what a task is given.
"""

from typing import Generic, TypeVar

T = TypeVar("T")


class Held(Generic[T]):
    """A value of any size, of which Prefect's pages show no more than that there was one."""

    __slots__ = ("value",)  # without a __dict__ there is nothing that Prefect could write down

    def __init__(self, value: T) -> None:
        self.value = value
