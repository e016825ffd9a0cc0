"""Installs the guards of a database, and compares installed guards."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

import sqlalchemy as sa

from interlock_adapters.sql.schema import guard_digests, plpgsql, triggers
from interlock_adapters.sql.schema.flavor import POSTGRES
from interlock_adapters.sql.schema.tables import LIFECYCLE_ROWS, lifecycle

_INSTALLED: Final = (
    "SELECT name, tbl_name AS place, sql FROM sqlite_master WHERE type = 'trigger' AND"
    " tbl_name IN :places"
)
Rows = Sequence[Mapping[str, object]]


def expected(dialect: str) -> dict[str, str]:
    """Return the triggers that this version installs, by name."""
    return plpgsql.expected() if dialect == POSTGRES else triggers.triggers()


def digest(found: Mapping[str, str], rows: Rows = LIFECYCLE_ROWS) -> str:
    """Return the SHA-256 of triggers and of the lifecycle rows that they look up."""
    ordered = sorted((dict(row) for row in rows), key=lambda row: str(row["event"]))
    text = json.dumps([dict(found), ordered], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def faults(connection: sa.Connection, version: str) -> list[str]:
    """Return which guards of a schema version were removed or changed."""
    dialect = connection.dialect.name
    prefix = guard_digests.table_prefix(version)
    installed = {row.name: row.sql for row in _triggers(connection, prefix)}
    edges = sa.text(f"SELECT event, source, target, who FROM {prefix}lifecycle")
    rows = [dict(row) for row in connection.execute(edges).mappings()]
    if version != guard_digests.HEAD:
        same = digest(installed, rows) == guard_digests.GUARDS[version][dialect]
        return [] if same else [f"they are not those of schema {version}"]
    found = weakened(installed, expected(dialect))
    if sorted(rows, key=str) != sorted(LIFECYCLE_ROWS, key=str):
        found.append("the rows of the lifecycle table")
    return found


def weakened(installed: Mapping[str, str], expected: Mapping[str, str]) -> list[str]:
    """Return the names of the triggers that are missing, changed or not ours."""
    return sorted(
        name
        for name in {*expected, *installed}
        if expected.get(name) != installed.get(name)
    )


def install(connection: sa.Connection) -> None:
    """Put the triggers and the lifecycle rows of this table in place of any others."""
    postgres = connection.dialect.name == POSTGRES
    for row in _triggers(connection, guard_digests.PREFIX):
        on = f" ON {row.place}" if postgres else ""
        connection.exec_driver_sql(f"DROP TRIGGER {row.name}{on}")
    if postgres:  # functions keep the search_path: whoever calls them has another one
        here = "SELECT set_config('search_path', quote_ident(current_schema()), true)"
        connection.exec_driver_sql(here)
    connection.execute(sa.delete(lifecycle))
    connection.execute(sa.insert(lifecycle), LIFECYCLE_ROWS)
    for ddl in plpgsql.ddl() if postgres else triggers.triggers().values():
        connection.exec_driver_sql(ddl)


def _triggers(connection: sa.Connection, prefix: str) -> Sequence[sa.Row[Any]]:
    postgres = connection.dialect.name == POSTGRES
    query = sa.text(plpgsql.INSTALLED if postgres else _INSTALLED)
    places = [prefix + name for name in triggers.TABLES]
    bound = query.bindparams(sa.bindparam("places", places, expanding=True))
    return connection.execute(bound).all()
