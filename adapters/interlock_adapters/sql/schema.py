"""The schema of a database: created, upgraded, checked and never weakened."""

import threading
from collections.abc import Mapping, Sequence
from typing import Any, Final

import sqlalchemy as sa

from interlock.errors import SchemaMismatch
from interlock_adapters.sql import plpgsql, triggers
from interlock_adapters.sql.flavor import POSTGRES
from interlock_adapters.sql.tables import LIFECYCLE_ROWS, Base, lifecycle

VERSION_TABLE: Final = "interlock_schema_version"
HEAD: Final = "0002"
_KNOWN: Final = ("0001", "0002")
_INSTALLED: Final = (
    "SELECT name, tbl_name AS place, sql FROM sqlite_master WHERE type = 'trigger' AND"
    " tbl_name IN ('job', 'history', 'attempt', 'lifecycle')"
)
_alembic: Final = threading.Lock()  # it keeps its context in a global


def current(connection: sa.Connection) -> str | None:
    """Return the schema's version, None for an empty database.

    Raises:
        SchemaMismatch: it has a table with a name of ours that is not ours.
    """
    names = set(sa.inspect(connection).get_table_names())
    if VERSION_TABLE in names:
        query = sa.text(f"SELECT version_num FROM {VERSION_TABLE}")
        version: str | None = connection.scalar(query)
        return version
    foreign = sorted(names & set(Base.metadata.tables))
    if foreign:
        raise SchemaMismatch(
            f"the database has a table named {foreign[0]!r} that Interlock did not "
            "make. Use another database. Nothing was changed."
        )
    return None


def check(connection: sa.Connection) -> bool:
    """Return whether the schema is the one of this version and whole.

    False: it is older, or the database is empty; `upgrade` helps.

    Raises:
        SchemaMismatch: it is newer, foreign or its guards were weakened.
    """
    version = refuse_newer(connection)
    if version != HEAD:
        return False
    postgres = connection.dialect.name == POSTGRES
    wanted = plpgsql.wanted() if postgres else triggers.triggers()
    installed = {row.name: row.sql for row in _triggers(connection)}
    missing = weakened(installed, wanted)
    stored = [dict(row) for row in connection.execute(sa.select(lifecycle)).mappings()]
    if sorted(stored, key=str) != sorted(LIFECYCLE_ROWS, key=str):
        missing.append("the rows of the lifecycle table")
    if missing:
        raise SchemaMismatch(
            f"guards of the database were removed or changed: {', '.join(missing)}. "
            "Look at what was written meanwhile (`interlock verify`), then put them "
            "back with `interlock db upgrade`. Nothing was changed."
        )
    return True


def refuse_newer(connection: sa.Connection) -> str | None:
    """Return the schema's version.

    Raises:
        SchemaMismatch: this version of the package does not know it.
    """
    version = current(connection)
    if version is not None and version not in _KNOWN:
        raise SchemaMismatch(
            f"the database has schema {version}, this version of Interlock knows up to "
            f"{HEAD}. Upgrade the package `interlock-jobs`. Nothing was changed."
        )
    return version


def weakened(installed: Mapping[str, str], wanted: Mapping[str, str]) -> list[str]:
    """Return the names of the triggers that are missing, changed or not ours."""
    return sorted(
        name
        for name in {*wanted, *installed}
        if wanted.get(name) != installed.get(name)
    )


def upgrade(connection: sa.Connection) -> None:
    """Bring the schema to this version and its guards to this table."""
    from alembic import command  # noqa: PLC0415  (a second of import, seldom needed)
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", "interlock_adapters:sql/migrations")
    config.attributes["connection"] = connection
    with _alembic:
        command.upgrade(config, HEAD)
    install_guards(connection)


def install_guards(connection: sa.Connection) -> None:
    """Put the triggers and the lifecycle rows of this table in place of any others."""
    postgres = connection.dialect.name == POSTGRES
    for row in _triggers(connection):
        on = f" ON {row.place}" if postgres else ""
        connection.exec_driver_sql(f"DROP TRIGGER {row.name}{on}")
    connection.execute(sa.delete(lifecycle))
    connection.execute(sa.insert(lifecycle), LIFECYCLE_ROWS)
    for ddl in plpgsql.ddl() if postgres else triggers.triggers().values():
        connection.exec_driver_sql(ddl)


def _triggers(connection: sa.Connection) -> Sequence[sa.Row[Any]]:
    query = _INSTALLED
    if connection.dialect.name == POSTGRES:
        query = plpgsql.INSTALLED
    return connection.execute(sa.text(query)).all()
