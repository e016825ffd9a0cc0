"""Any value of an annotation is the same after a journey through JSON text."""

from __future__ import annotations

import json
import typing
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypedDict
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict

from interlock.jobs.codecs import Slot


class Colour(Enum):
    RED = "red"
    GREEN = "green"


class Planet(Enum):
    MERCURY = (3.3e23, 2.4e6)
    EARTH = (6.0e24, 6.4e6)


class Level(IntEnum):
    LOW = 1
    HIGH = 2


class Size(StrEnum):
    SMALL = "small"
    LARGE = "large"


class Point(NamedTuple):
    x: int
    when: date


class Album(TypedDict):
    title: str
    days: list[date]


@dataclass(frozen=True)
class Photo:
    name: str
    raw: bytes
    tags: frozenset[int]


class Order(BaseModel):
    model_config = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")

    span: timedelta
    levels: set[Level]
    photo: Photo | None


WORDS = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=8)
DAYS = st.dates()
SPANS = st.timedeltas()
RAW = st.binary(max_size=8)
PHOTOS = st.builds(Photo, WORDS, RAW, st.frozensets(st.integers(), max_size=3))
NUMBERS = st.decimals(allow_nan=False, allow_infinity=False)
LEVELS = st.sampled_from(Level)
PATHS = WORDS.map(Path)
FLOATS = st.floats(allow_nan=False, allow_infinity=False)

KINDS: dict[Any, st.SearchStrategy[Any]] = {
    date: DAYS,
    datetime: st.datetimes(),
    time: st.times(),
    timedelta: SPANS,
    Path: PATHS,
    UUID: st.uuids(),
    Decimal: NUMBERS,
    complex: st.complex_numbers(allow_nan=False, allow_infinity=False),
    bytes: RAW,
    Colour: st.sampled_from(Colour),
    Planet: st.sampled_from(Planet),
    Level: LEVELS,
    Size: st.sampled_from(Size),
    Point: st.builds(Point, st.integers(), DAYS),
    Album: st.fixed_dictionaries({"title": WORDS, "days": st.lists(DAYS, max_size=2)}),
    Photo: PHOTOS,
    Order: st.builds(
        Order,
        span=SPANS,
        levels=st.sets(LEVELS),
        photo=st.none() | PHOTOS,
    ),
    tuple[int, str]: st.tuples(st.integers(), WORDS),
    tuple[date, ...]: st.lists(DAYS, max_size=3).map(tuple),
    set[int]: st.sets(st.integers(), max_size=5),
    set[Photo]: st.sets(PHOTOS, max_size=3),
    frozenset[tuple[int, str]]: st.frozensets(st.tuples(st.integers(), WORDS)),
    set[int | str]: st.sets(st.integers() | WORDS, max_size=5),
    dict[int, str]: st.dictionaries(st.integers(), WORDS, max_size=3),
    dict[date, Level]: st.dictionaries(DAYS, LEVELS, max_size=3),
    dict[Level, bytes]: st.dictionaries(LEVELS, RAW),
    dict[UUID, Decimal]: st.dictionaries(st.uuids(), NUMBERS, max_size=2),
    list[Photo | None]: st.lists(st.none() | PHOTOS, max_size=3),
    int | date | None: st.none() | st.integers() | DAYS,
    tuple[int, float] | dict[str, Path]: st.tuples(st.integers(), FLOATS)
    | st.dictionaries(WORDS, PATHS, max_size=2),
    Literal[Level.LOW, Colour.RED, "x"]: st.sampled_from([Level.LOW, Colour.RED, "x"]),
    dict[str, list[tuple[Point, set[bytes]]]]: st.dictionaries(
        WORDS,
        st.lists(
            st.tuples(st.builds(Point, st.integers(), DAYS), st.sets(RAW, max_size=2)),
            max_size=2,
        ),
        max_size=2,
    ),
}


@pytest.mark.parametrize("annotation", KINDS, ids=str)
@given(data=st.data())
def test_a_value_comes_back_from_json(annotation: Any, data: st.DataObject) -> None:
    value = data.draw(KINDS[annotation])
    slot = Slot(annotation)
    stored = slot.to_json(value)
    text = json.dumps(stored, allow_nan=False)
    decoded = slot.from_json(json.loads(text))
    assert decoded == value
    assert type(decoded) is type(value)
    again = slot.to_json(json.loads(text))  # the form of JSON is right as well
    assert json.dumps(again) == text


@given(st.sets(st.integers() | WORDS), st.randoms(use_true_random=False))
def test_a_set_is_the_same_json_in_any_order(values: set[Any], rng: Any) -> None:
    shuffled = list(values)
    rng.shuffle(shuffled)
    slot = Slot(typing.cast("Any", set[int | str]))
    assert slot.to_json(set(shuffled)) == slot.to_json(values)
