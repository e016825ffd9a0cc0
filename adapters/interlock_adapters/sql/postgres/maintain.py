"""Vacuums and analyzes the tables of a PostgreSQL database."""

import sqlalchemy as sa

from interlock_adapters.sql.postgres.connection import patient
from interlock_adapters.sql.schema.tables import TABLES
from interlock_adapters.sql.store import tidy
from interlock_adapters.sql.store.database import Database

_SIZE = " + ".join(f"pg_total_relation_size('{name}')" for name in TABLES)


def maintain(database: Database, *, full: bool) -> list[str]:
    """Tidy the tables up; return what was done. See `discovery.maintain_store`."""
    if full:
        tidy.refuse_beside_workers(database)
    done = tidy.correct_counts(database) + tidy.free_slots(database)
    alone = database.engine.execution_options(isolation_level="AUTOCOMMIT")
    with alone.connect() as connection, patient(connection):
        before = _size(connection)
        if database.can_write_alone:  # a session of our own, not a pooler's
            connection.exec_driver_sql("SET statement_timeout = 0")
        for name in TABLES:
            options = "FULL, ANALYZE" if full else "ANALYZE"
            connection.exec_driver_sql(f"VACUUM ({options}) {name}")
        after = _size(connection)
        connection.invalidate()  # its timeout is not that of the others
    done.append("The tables are vacuumed and their statistics are renewed.")
    freed = tidy.megabytes(max(0, before - after))
    if full:
        done.append(f"{freed} of free space went back to the disk.")
    else:
        done.append(
            f"{freed} of free space went back to the disk; the rest is kept for new "
            "jobs. `interlock maintain --full`, with stopped workers, gives it back."
        )
    return done


def _size(connection: sa.Connection) -> int:
    return int(connection.scalar(sa.text(f"SELECT {_SIZE}")) or 0)
