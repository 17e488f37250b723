"""infra/compose.yaml as a value, as far as that goes without a container engine."""

import re
from collections.abc import Mapping
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field

from flows.places import ROOT

INFRA = ROOT / "infra"
COMPOSE = INFRA / "compose.yaml"
_REFERENCE = re.compile(
    r"\$(?:\$|\{(?P<name>[A-Z_]+)(?:(?P<kind>:[-?+])(?P<word>(?:[^{}]|\{[A-Z_]+\})*))?\}"
    r"|(?P<bare>.?))"
)


class Closed(BaseModel):
    """A mapping of the Compose specification, as far as it is used: other keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


Seconds = Annotated[str, Field(pattern="^[0-9]+s$")]


class HealthCheck(Closed):
    test: list[str]
    interval: Seconds
    timeout: Seconds
    retries: int
    start_period: Seconds


class Build(Closed):
    context: str
    dockerfile: str


class Need(Closed):
    condition: Literal["service_healthy"]


class Service(Closed):
    image: str
    restart: Literal["unless-stopped"]
    environment: dict[str, str]
    ports: list[str]
    healthcheck: HealthCheck
    build: Build | None = None
    command: list[str] | None = None
    depends_on: dict[str, Need] = {}
    volumes: list[str] = []


class Compose(Closed):
    name: str
    services: dict[str, Service]
    volumes: dict[str, None]


class MissingVariable(Exception):
    """A `${NAME:?why}` that is not set, as Compose refuses it."""


def read_compose(environment: Mapping[str, str]) -> Compose:
    """The file with its variables filled in, as Compose does.

    Raises:
        MissingVariable: one that must be set is not, or is empty.
        ValidationError: an unknown key, a missing one, or a value of another type.
    """
    return Compose.model_validate(_filled(yaml.safe_load(COMPOSE.read_text()), environment))


def _filled(value: object, environment: Mapping[str, str]) -> object:
    if isinstance(value, dict):
        return {key: _filled(part, environment) for key, part in value.items()}
    if isinstance(value, list):
        return [_filled(part, environment) for part in value]
    return _text(value, environment) if isinstance(value, str) else value


def _text(value: str, environment: Mapping[str, str]) -> str:
    return _REFERENCE.sub(lambda found: _word(found, environment), value)


def _word(found: re.Match[str], environment: Mapping[str, str]) -> str:
    if found[0] == "$$":
        return "$"
    if found["bare"] is not None:
        raise ValueError(f"{found[0]!r} is no reference: write ${{NAME}} or $$")
    given = environment.get(found["name"], "")
    if not given and found["kind"] == ":?":
        raise MissingVariable(f"{found['name']}: {found['word']}")
    if found["kind"] == ":+":
        return _text(found["word"], environment) if given else ""
    return given or (found["word"] if found["kind"] == ":-" else "")
