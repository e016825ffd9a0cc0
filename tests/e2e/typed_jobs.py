"""Jobs whose parameters and results are more than JSON, one of each kind."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from pathlib import Path
from typing import Any, Literal, NamedTuple, NotRequired, TypedDict
from uuid import UUID

from pydantic import BaseModel, Field

from interlock import Retry, job


class Colour(Enum):
    RED = "red"
    TWO = (0, 2)


class Level(IntEnum):
    LOW = 1
    HIGH = 2


class Size(StrEnum):
    SMALL = "small"


class Point(NamedTuple):
    x: int
    y: Decimal = Decimal(0)


class Album(TypedDict):
    title: str
    cover: NotRequired[bytes]


@dataclass(frozen=True)
class Photo:
    path: Path
    tags: frozenset[str] = frozenset()


class Order(BaseModel):
    number: int = Field(alias="no")
    placed: datetime
    items: dict[UUID, Decimal] = {}


ONE = UUID(int=1)
NOON = datetime(2026, 1, 1, 12, 0, 0, 5, tzinfo=UTC)
PHOTO = Photo(Path("/a"), frozenset({"z", "b", "a"}))

#: The arguments of `everything`.
VALUES: dict[str, Any] = {
    "day": date(2026, 1, 1),
    "moment": NOON,
    "clock": time(12, 30),
    "span": timedelta(days=-1, microseconds=3),
    "path": Path("/tmp/a b"),
    "uid": ONE,
    "money": Decimal("1.10"),
    "colour": Colour.TWO,
    "level": Level.HIGH,
    "size": Size.SMALL,
    "raw": b"\x00\xff",
    "pair": (1, "a"),
    "many": (1.5, 2.0),
    "numbers": {3, 1, 20},
    "names": frozenset({"b", "a"}),
    "point": Point(1, Decimal("2.50")),
    "album": {"title": "é", "cover": b"\xff"},
    "photo": PHOTO,
    "order": Order(no=5, placed=NOON, items={ONE: Decimal("0.1")}),
    "by_number": {1: "one", -2: "two"},
    "by_day": {date(2026, 1, 1): {Level.LOW}},
    "maybe": None,
    "either": date(2026, 1, 2),
    "choice": Level.LOW,
    "nested": [{"a": (PHOTO, None)}],
    "plain": {"a": [1, None, "x", 1.5, True]},
}

#: The same in JSON.
STORED: dict[str, Any] = {
    "day": "2026-01-01",
    "moment": "2026-01-01T12:00:00.000005Z",
    "clock": "12:30:00",
    "span": "-PT23H59M59.999997S",
    "path": "/tmp/a b",
    "uid": str(ONE),
    "money": "1.10",
    "colour": "TWO",
    "level": 2,
    "size": "small",
    "raw": "AP8=",
    "pair": [1, "a"],
    "many": [1.5, 2.0],
    "numbers": [1, 3, 20],
    "names": ["a", "b"],
    "point": [1, "2.50"],
    "album": {"title": "é", "cover": "_w=="},
    "photo": {"path": "/a", "tags": ["a", "b", "z"]},
    "order": {
        "number": 5,
        "placed": "2026-01-01T12:00:00.000005Z",
        "items": {str(ONE): "0.1"},
    },
    "by_number": {"1": "one", "-2": "two"},
    "by_day": {"2026-01-01": [1]},
    "maybe": None,
    "either": "2026-01-02",
    "choice": 1,
    "nested": [{"a": [{"path": "/a", "tags": ["a", "b", "z"]}, None]}],
    "plain": {"a": [1, None, "x", 1.5, True]},
}


@dataclass
class All:
    """What `everything` returns: what it was given."""

    day: date
    moment: datetime
    clock: time
    span: timedelta
    path: Path
    uid: UUID
    money: Decimal
    colour: str
    level: Level
    size: Size
    raw: bytes
    pair: tuple[int, str]
    many: tuple[float, ...]
    numbers: set[int]
    names: frozenset[str]
    point: Point
    photo: Photo
    order: Order
    by_number: dict[int, str]
    by_day: dict[date, set[Level]]
    maybe: timedelta | None
    either: int | date
    nested: list[dict[str, tuple[Photo, bytes | None]]]
    plain: dict[str, Any]


@job(name="typed.everything")
def everything(
    *,
    day: date,
    moment: datetime,
    clock: time,
    span: timedelta,
    path: Path,
    uid: UUID,
    money: Decimal,
    colour: Colour,
    level: Level,
    size: Size,
    raw: bytes,
    pair: tuple[int, str],
    many: tuple[float, ...],
    numbers: set[int],
    names: frozenset[str],
    point: Point,
    album: Album,
    photo: Photo,
    order: Order,
    by_number: dict[int, str],
    by_day: dict[date, set[Level]],
    maybe: timedelta | None,
    either: int | date,
    choice: Literal[Level.LOW, "none"],
    nested: list[dict[str, tuple[Photo, bytes | None]]],
    plain: dict[str, Any],
    since: date = date(2020, 1, 1),
) -> tuple[All, Album, Colour, Literal[Level.LOW, "none"], date]:
    """Return all as it came; fail if it is something else."""
    received = {name: value for name, value in locals().items() if name in VALUES}
    for name, value in VALUES.items():
        if received[name] != value or type(received[name]) is not type(value):
            raise TypeError(f"{name} came as {received[name]!r}")
    rest = {n: v for n, v in received.items() if n not in {"album", "choice", "colour"}}
    return All(**rest, colour=colour.name), album, colour, choice, since


def returned() -> tuple[All, Album, Colour, object, date]:
    """Return what `everything` returns."""
    apart = {"album", "choice", "colour"}
    rest = {n: v for n, v in VALUES.items() if n not in apart}
    return (
        All(**rest, colour="TWO"),
        VALUES["album"],
        Colour.TWO,
        Level.LOW,
        date(2020, 1, 1),
    )


@job(name="typed.rest")
def rest(**spans: timedelta) -> dict[str, timedelta]:
    return {name: span * 2 for name, span in spans.items()}


@job(name="typed.wrong", retry=Retry(max_attempts=3, backoff=0.01))
def wrong(how: str) -> tuple[date, int]:
    """Return something else; or the JSON of it, which is right too."""
    found: Any = {"type": [1, 2], "json": ["2026-01-01", 2], "none": None}[how]
    return found  # type: ignore[no-any-return]  # on purpose
