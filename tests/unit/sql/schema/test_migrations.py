"""A file that the migrations made is the one that the tables describe."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from interlock_adapters.sql.schema import (
    guard_digests,
    installed_guards,
    tables,
    upgrade,
)
from interlock_adapters.sql.schema.tables import Base

TABLES = Base.metadata.tables


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sa.Connection]:
    """Return a connection to a file that was just migrated."""
    engine = sa.create_engine(f"sqlite:///{tmp_path}/jobs.db")
    with engine.begin() as connection:
        upgrade.migrate(connection)
        installed_guards.install(connection)
    with engine.connect() as connection:
        yield connection
    engine.dispose()


@pytest.fixture
def described(tmp_path: Path) -> Iterator[sa.Connection]:
    """Return a connection to a file that the tables made without a migration."""
    engine = sa.create_engine(f"sqlite:///{tmp_path}/described.db")
    Base.metadata.create_all(engine)
    with engine.connect() as connection:
        yield connection
    engine.dispose()


def _listed(connection: sa.Connection, kind: str) -> dict[str, str]:
    query = sa.text(
        "SELECT name, sql FROM sqlite_master WHERE type = :kind AND sql IS NOT NULL"
        " AND tbl_name <> :version"
    )
    found = connection.execute(query, {"kind": kind, "version": tables.VERSION_TABLE})
    return {row.name: row.sql for row in found}


def test_autogenerate_finds_nothing_to_do(connection: sa.Connection) -> None:
    # Alembic takes an index over literal SQL for another one; texts are compared below.
    context = MigrationContext.configure(
        connection,
        opts={
            "version_table": tables.VERSION_TABLE,
            "include_object": lambda _object, _name, kind, *_: kind != "index",
        },
    )
    assert compare_metadata(context, Base.metadata) == []


def test_the_same_tables_have_the_same_columns(
    connection: sa.Connection, described: sa.Connection
) -> None:
    assert set(_listed(connection, "table")) == set(TABLES)
    for table in TABLES:
        info = f"PRAGMA table_xinfo({table})"
        migrated, wanted = (
            {tuple(row)[1:] for row in c.exec_driver_sql(info)}
            for c in (connection, described)
        )
        assert migrated == wanted


def test_indexes_are_the_same_by_name_and_text(
    connection: sa.Connection, described: sa.Connection
) -> None:
    assert _listed(connection, "index") == _listed(described, "index")


@pytest.mark.parametrize("table", TABLES)
def test_checks_are_the_same_by_name_and_text(
    connection: sa.Connection, described: sa.Connection, table: str
) -> None:
    migrated, wanted = (
        {check["name"]: check["sqltext"] for check in found}
        for found in (
            sa.inspect(connection).get_check_constraints(table),
            sa.inspect(described).get_check_constraints(table),
        )
    )
    assert migrated == wanted


@pytest.mark.parametrize("table", TABLES)
def test_tables_without_a_rowid_are_the_same(
    connection: sa.Connection, described: sa.Connection, table: str
) -> None:
    migrated, wanted = (
        "WITHOUT ROWID" in _listed(c, "table")[table] for c in (connection, described)
    )
    assert migrated is wanted


def test_the_head_is_the_last_migration_and_every_one_is_known() -> None:
    scripts = ScriptDirectory(str(Path(upgrade.__file__).parent / "migrations"))
    revisions = [script.revision for script in scripts.walk_revisions()]
    assert scripts.get_heads() == [upgrade.HEAD]
    assert sorted(revisions) == sorted(guard_digests.GUARDS)


def test_the_file_says_which_schema_it_has(connection: sa.Connection) -> None:
    assert upgrade.current(connection) == upgrade.HEAD
    assert upgrade.check(connection)
