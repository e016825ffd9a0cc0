"""Creates, upgrades and checks the schema of a database."""

import threading
from datetime import datetime
from typing import Final

import sqlalchemy as sa

from interlock.core.errors import SchemaMismatch, StoreUnavailable
from interlock_adapters.sql.schema import (
    column_check,
    guard_digests,
    installed_guards,
    live_workers,
)
from interlock_adapters.sql.schema.tables import (
    FEED_ROW,
    TABLES,
    VERSION_TABLE,
    Base,
    feed,
)

HEAD: Final = guard_digests.HEAD
_alembic: Final = threading.Lock()  # it keeps its context in a global


def current(connection: sa.Connection) -> str | None:
    """Return the schema's version, None for an empty database.

    Raises:
        SchemaMismatch: it has a table with a name of ours that is not ours, or its
            version is gone.
    """
    names = set(sa.inspect(connection).get_table_names())
    if VERSION_TABLE in names:
        query = sa.text(f"SELECT version_num FROM {VERSION_TABLE}")
        version: str | None = connection.scalar(query)
        if version is None:
            raise SchemaMismatch(
                "The database has tables of Interlock, but no schema version: a "
                "restore or a copy is not complete, or it is damaged. Finish the "
                "restore, or restore a backup. Nothing was changed."
            )
        return version
    foreign = sorted(names & set(TABLES))
    if foreign:
        raise SchemaMismatch(
            f"The database has a table named {foreign[0]!r} that Interlock did not "
            "create. Use another database. Nothing was changed."
        )
    return None


def check(connection: sa.Connection) -> bool:
    """Return whether the schema is complete and of this version.

    False: it is older, or the database is empty; `upgrade` helps.

    Raises:
        SchemaMismatch: it is newer or foreign, its guards were weakened or its columns
            changed.
    """
    version = refuse_newer(connection)
    if version is None:
        return False
    weak = installed_guards.faults(connection, version)
    if weak:
        raise SchemaMismatch(
            f"Guards of the database were removed or changed: {', '.join(weak)}. "
            "Restore them with `interlock db upgrade`, then check what was written in "
            "the meantime with `interlock verify`. Nothing was changed."
        )
    if version != HEAD:
        return False
    refuse_changed_columns(connection)
    return True


def refuse_changed_columns(connection: sa.Connection) -> None:
    """Refuse our tables if their columns are not those of this version.

    Raises:
        SchemaMismatch: which columns.
    """
    changed = column_check.faults(connection)
    if changed:
        raise SchemaMismatch(
            f"Tables of the database were changed: {', '.join(changed)}. Undo the "
            "change, or restore a backup. Nothing was changed."
        )


def none_there(what: str) -> StoreUnavailable:
    """Return the error for a missing database that must not be created."""
    return StoreUnavailable(
        f"{what}. Check the URL (--database, INTERLOCK_DATABASE_URL). The first "
        "submit, worker or server creates a database, and so does `interlock db "
        "upgrade`. Nothing was created."
    )


def older(where: str, version: str) -> SchemaMismatch:
    """Return the error for an older database that must not be upgraded."""
    return SchemaMismatch(
        f"{where} has the older schema {version}; this version of Interlock needs "
        f"{HEAD}. Stop its workers, then run `interlock db upgrade`. Nothing was "
        "changed."
    )


def refuse_newer(connection: sa.Connection) -> str | None:
    """Return the schema's version.

    Raises:
        SchemaMismatch: this version of the package does not know it.
    """
    version = current(connection)
    if version is not None and version not in guard_digests.GUARDS:
        raise SchemaMismatch(
            f"The database has schema {version}, but this version of Interlock knows "
            f"only up to {HEAD}. Upgrade the package `interlock-jobs`. Nothing was "
            "changed."
        )
    return version


def upgrade(connection: sa.Connection, *, now: datetime) -> list[str]:
    """Upgrade the schema to this version, and install its guards.

    Returns:
        What had been removed or changed of its guards, and is back.

    Raises:
        SchemaMismatch: it is newer, older workers still use it, or its columns are not
            those of the upgraded version. Undo the transaction then.
    """
    version = refuse_newer(connection)
    if version not in (None, HEAD):
        live_workers.refuse(connection, version, now=now)
    weak = [] if version is None else installed_guards.faults(connection, version)
    if version is None:
        Base.metadata.create_all(connection)
        connection.execute(sa.insert(feed), FEED_ROW)
    migrate(connection, is_new=version is None)
    installed_guards.install(connection)
    refuse_changed_columns(connection)
    return weak


def migrate(connection: sa.Connection, *, is_new: bool = False) -> None:
    """Run the migrations that are missing, or only note the version of new tables."""
    from alembic import command  # noqa: PLC0415  (a second of import, seldom needed)
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option(
        "script_location", "interlock_adapters:sql/schema/migrations"
    )
    config.attributes["connection"] = connection
    run = command.stamp if is_new else command.upgrade
    with _alembic:
        run(config, HEAD)
