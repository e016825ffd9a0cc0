"""Column types that mean the same in SQLite and in PostgreSQL."""

from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.types import TypeDecorator, TypeEngine

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def to_us(moment: datetime) -> int:
    """Return microseconds since 1970."""
    return (moment - _EPOCH) // _MICROSECOND


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
        return _EPOCH + timedelta(microseconds=value)


JsonText = sa.JSON(none_as_null=True).with_variant(
    postgresql.JSONB(none_as_null=True), "postgresql"
)
