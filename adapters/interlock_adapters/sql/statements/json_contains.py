"""Containment of a JSON value, judged by the database: `search(params=...)`."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

_BIG = 2**63  # beyond it SQLite reads a JSON integer as a real


def contains(
    dialect: str, column: sa.ColumnElement[Any], wanted: Mapping[str, object]
) -> sa.ColumnElement[bool]:
    """Return the condition that the JSON of a column contains `wanted`."""
    if dialect == "postgresql":
        return sa.cast(column, JSONB).contains(wanted)
    return _has_all(sa.type_coerce(column, sa.Text), wanted)


def _has_all(
    text: sa.ColumnElement[str], wanted: Mapping[str, object]
) -> sa.ColumnElement[bool]:
    """Return whether an object has every key with its value."""
    found = [_some(text, value, key) for key, value in wanted.items()]
    return sa.and_(sa.true(), *found)


def _some(
    text: sa.ColumnElement[str], wanted: object, key: str | None = None
) -> sa.ColumnElement[bool]:
    """Return whether an object under `key`, or a list anywhere, has a value."""
    each = sa.func.json_each(text).table_valued("key", "value", "type").alias()
    match = list(_same(each, wanted))
    if key is not None:
        match.append(each.c.key == key)
    return sa.exists(sa.select(sa.literal(1)).select_from(each).where(*match))


def _same(
    each: sa.TableValuedAlias, wanted: object
) -> Iterator[sa.ColumnElement[bool]]:
    """Yield what makes an element contain a value: `true` is not 1, but 1.0 is 1."""
    kind, value = each.c.type, each.c.value
    if isinstance(wanted, Mapping):
        yield kind == "object"
        yield _has_all(value, wanted)
    elif isinstance(wanted, Sequence) and not isinstance(wanted, str):
        yield kind == "array"
        yield from (_some(value, element) for element in wanted)
    elif wanted is None:
        yield kind == "null"
    elif isinstance(wanted, bool):
        yield kind == ("true" if wanted else "false")
    elif isinstance(wanted, int | float):
        yield kind.in_(("integer", "real"))
        yield value == (_as_real(wanted) if abs(wanted) >= _BIG else wanted)
    else:
        yield kind == "text"
        yield value == str(wanted)


def _as_real(number: float) -> float:
    """Return a number as SQLite reads it out of JSON: beyond a double is infinite."""
    try:
        return float(number)
    except OverflowError:
        return math.inf if number > 0 else -math.inf
