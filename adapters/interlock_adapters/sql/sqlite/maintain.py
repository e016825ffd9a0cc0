"""Gives the free pages of a SQLite file back in steps, and renews its statistics.

`VACUUM` would hold the file for seconds to minutes: running jobs would lose their
leases. `PRAGMA incremental_vacuum` moves a few pages a transaction (sqlite.org/pragma).
"""

import time
from pathlib import Path
from typing import Final

import sqlalchemy as sa

from interlock_adapters.sql.store import tidy
from interlock_adapters.sql.store.database import Database

_PAGES: Final = 500  # that one step gives back: 2 MB
_INCREMENTAL: Final = 2  # the value of PRAGMA auto_vacuum


def maintain(database: Database, path: Path, *, full: bool) -> list[str]:
    """Tidy the file up; return what was done. See `discovery.maintain_store`."""
    if full:
        tidy.refuse_beside_workers(database)
    done = tidy.correct_counts(database) + tidy.free_slots(database)
    before = path.stat().st_size
    with database.engine.execution_options(alone=True).connect() as connection:
        given_back = True
        if full:
            connection.exec_driver_sql("PRAGMA auto_vacuum = INCREMENTAL")
            connection.exec_driver_sql("VACUUM")
        else:
            given_back = _give_back(database, connection)
        connection.exec_driver_sql("PRAGMA analysis_limit = 1000")
        connection.exec_driver_sql("PRAGMA optimize = 0x10002")  # also unread tables
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").all()
    done.append("The statistics are renewed, and the write-ahead log is written back.")
    freed = tidy.megabytes(max(0, before - path.stat().st_size))
    if given_back:
        done.append(f"{freed} of free space went back to the disk.")
    else:
        done.append(
            "This file was made by an older version and keeps its free space for new "
            "jobs. `interlock maintain --full`, with stopped workers, gives it back."
        )
    return done


def _give_back(database: Database, connection: sa.Connection) -> bool:
    """Give free pages back, with a pause after each step; False: this file cannot."""
    if connection.exec_driver_sql("PRAGMA auto_vacuum").scalar_one() != _INCREMENTAL:
        return False
    while connection.exec_driver_sql("PRAGMA freelist_count").scalar_one():
        began = time.monotonic()
        with database.write(durable=False) as writer:
            cursor = writer.connection.cursor()  # each page is a row without columns
            cursor.execute(f"PRAGMA incremental_vacuum({_PAGES})").fetchall()
        time.sleep(time.monotonic() - began)  # as long for all other writers
    return True
