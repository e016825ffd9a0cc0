"""Compares the columns of a database with the tables."""

from functools import cache
from typing import Final

import sqlalchemy as sa

from interlock_adapters.sql.schema.flavor import POSTGRES
from interlock_adapters.sql.schema.tables import Base

_TABLES: Final = Base.metadata.tables
_OURS: Final[sa.BindParameter[list[str]]] = sa.bindparam(
    "ours", list(_TABLES), expanding=True
)
_SQLITE: Final = """
SELECT place.name AS place, field.name AS name, field.type AS type,
  field."notnull" AS filled
FROM sqlite_master AS place JOIN pragma_table_xinfo(place.name) AS field
WHERE place.type = 'table' AND place.name IN :ours
"""
_POSTGRES: Final = """
SELECT place.relname AS place, field.attname AS name,
  upper(format_type(field.atttypid, field.atttypmod)) AS type,
  field.attnotnull AS filled
FROM pg_class AS place JOIN pg_attribute AS field ON field.attrelid = place.oid
WHERE place.relnamespace = current_schema()::regnamespace AND place.relkind = 'r'
  AND place.relname IN :ours AND field.attnum > 0 AND NOT field.attisdropped
"""
#: How PostgreSQL names what it was asked for (chapter "Data Types" of its manual).
_NAMES: Final = {"VARCHAR": "CHARACTER VARYING", "FLOAT": "DOUBLE PRECISION"}

Columns = dict[tuple[str, str], tuple[str, bool]]  # (table, name): (type, not null)


def faults(connection: sa.Connection) -> list[str]:
    """Return which columns of our tables are missing, changed or not ours."""
    postgres = connection.dialect.name == POSTGRES
    query = sa.text(_POSTGRES if postgres else _SQLITE).bindparams(_OURS)
    actual: Columns = {
        (row.place, row.name): (row.type, bool(row.filled))
        for row in connection.execute(query)
    }
    expected = _expected(connection.dialect.name)
    return [
        f"column {table}.{name} {_difference(actual.get(key), expected.get(key))}"
        for key in sorted({*actual, *expected})
        if actual.get(key) != expected.get(key)
        for table, name in [key]
    ]


@cache
def _expected(kind: str) -> Columns:
    dialect = sa.make_url(f"{kind}://").get_dialect()()
    names = _NAMES if kind == POSTGRES else {}
    return {
        (table.name, column.name): (names.get(text, text), not column.nullable)
        for table in _TABLES.values()
        for column in table.c
        for text in [column.type.compile(dialect)]
    }


def _difference(
    actual: tuple[str, bool] | None, expected: tuple[str, bool] | None
) -> str:
    if actual is None:
        return "is missing"
    if expected is None:
        return "is not Interlock's"
    if actual[0] != expected[0]:
        return f"is {actual[0] or 'without a type'}, not {expected[0]}"
    return "may be NULL" if expected[1] else "may not be NULL"
