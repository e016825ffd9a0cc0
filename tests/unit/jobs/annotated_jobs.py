"""Jobs with odd names and annotations, all of them text."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import (
    TYPE_CHECKING,
    Annotated,
    Literal,
    NewType,
    TypedDict,
    TypeVar,
    Unpack,
)

from pydantic import AfterValidator, SecretStr

from interlock import job

if TYPE_CHECKING:
    from decimal import Decimal

UserId = NewType("UserId", int)
T = TypeVar("T")


class Choices(TypedDict, total=False):
    since: date
    limit: int


def _loud(text: str) -> str:
    if text == "no":
        raise ValueError(f"{text} is not allowed")
    return text.upper()


@job(name="odd.names")
def names(  # noqa: PLR0917  (by position too)
    _x: int,
    self: date,
    schema: str = "s",
    model_config: int = 0,
    copy: Path = Path("/"),
    json: bytes = b"",
    validate: bool = True,  # noqa: FBT001, FBT002
    job: str = "",
    method: str = "",
    name: str = "",
    params: str = "",
) -> list[object]:
    del job, method, name, params
    return [_x, self.year, schema, model_config, copy.name, json.decode(), validate]


@job(name="odd.rest")
def rest(first: int, **rest: date) -> int:
    return first + sum(each.year for each in rest.values())


@job(name="odd.unpacked")
def unpacked(**choices: Unpack[Choices]) -> dict[str, str]:
    return {name: type(value).__name__ for name, value in choices.items()}


@job(name="odd.anything")
def anything(value: object) -> object:
    return value


@job(name="odd.read")
def read(text: Annotated[str, AfterValidator(_loud)], user: UserId = UserId(0)) -> str:
    return f"{text}{user}"


@job(name="odd.secret", secret=("word", "pin"))
def secret(
    word: Annotated[str, AfterValidator(_loud)], pin: list[int] | None = None
) -> int:
    return len(word) + len(pin or [])


@job(name="odd.hidden")
def hidden(word: SecretStr) -> int:
    return len(word.get_secret_value())


@job(name="odd.either")
def either(value: Path | str | Literal[5]) -> str:
    return type(value).__name__


@job(name="odd.text_first")
def text_first(value: str | Path) -> str:
    return type(value).__name__


@job(name="odd.two")
def two(x: int, y: int = 1, *, z: int = 2) -> int:
    return x + y + z


@job(name="odd.text")
def text(s: str, maybe: str | None = None, other: int | str = 0) -> list[object]:
    return [s, maybe, other]


def only_for_checks(amount: Decimal) -> None: ...


def no_schema(lock: Unknown) -> None: ...


class Unknown:
    pass
