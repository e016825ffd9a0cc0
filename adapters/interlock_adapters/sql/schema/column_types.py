"""Column types that mean the same in SQLite and in PostgreSQL."""

import json
import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.types import TypeDecorator, TypeEngine

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode


def to_us(moment: datetime) -> int:
    """Return microseconds since 1970."""
    return (moment - _EPOCH) // _MICROSECOND


class Unreadable(ValueError):
    """A column holds what Interlock never writes."""


class UtcDateTime(TypeDecorator[datetime]):
    """An aware UTC datetime: timestamptz, in SQLite microseconds since 1970.

    SQLite has no time type and drops the zone of a text; an integer is exact, ordered
    and indexed.
    """

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> TypeEngine[Any]:
        """Choose the column's type by dialect."""
        if dialect.name == "sqlite":
            return dialect.type_descriptor(sa.BigInteger())
        return dialect.type_descriptor(sa.DateTime(timezone=True))

    def process_bind_param(
        self, value: datetime | None, dialect: sa.Dialect
    ) -> int | datetime | None:
        """Turn an aware datetime into what the dialect stores."""
        if value is None or dialect.name != "sqlite":
            return value
        return to_us(value)

    def process_result_value(
        self, value: int | datetime | None, dialect: sa.Dialect
    ) -> datetime | None:
        """Turn what the dialect stored into an aware datetime."""
        del dialect
        if value is None or isinstance(value, datetime):
            return value and value.astimezone(UTC)
        try:
            return _EPOCH + timedelta(microseconds=value)
        except (OverflowError, TypeError) as error:
            raise Unreadable(str(error)) from error


class _SqliteJson(sa.types.UserDefinedType[Any]):
    """JSON in a column of type TEXT: any other type would rewrite bare numbers.

    A column declared JSON has NUMERIC affinity (sqlite.org/datatype3.html, 3.1).
    """

    cache_ok = True

    def get_col_spec(self, **_kwargs: object) -> str:
        """Return the type of the column."""
        return "TEXT"

    def bind_processor(self, dialect: sa.Dialect) -> Callable[[Any], str | None]:
        """Return how a value is written; None is NULL."""
        del dialect
        return _to_json

    def result_processor(
        self, dialect: sa.Dialect, coltype: object
    ) -> Callable[[str | None], Any]:
        """Return how a text is read."""
        del dialect, coltype
        return lambda text: None if text is None else from_json(text)


def _to_json(value: object) -> str | None:
    if value is None:
        return None
    return "{}" if value == {} else _encode(value)  # most are


def from_json(text: str | bytes) -> Any:
    """Return the value of a JSON column.

    Raises:
        Unreadable: it is no JSON, or has a number beyond a double.
    """
    if text in {"{}", b"{}"}:  # most are
        return {}
    try:
        return json.loads(text, parse_float=_finite, parse_constant=_refuse)
    except ValueError as error:
        raise Unreadable(str(error)) from error


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        _refuse(text)
    return number


def _refuse(text: str) -> NoReturn:
    raise ValueError(f"{text[:40]} is no number of a double")


#: A JSON value, kept as it was written: every number comes back equal.
JsonText = (
    sa.JSON(none_as_null=True)
    .with_variant(postgresql.JSON(none_as_null=True), "postgresql")
    .with_variant(_SqliteJson(), "sqlite")
)
