"""What `interlock maintain` does in every database."""

import sqlalchemy as sa

from interlock.core.errors import StoreUnavailable
from interlock_adapters.sql.schema import live_workers
from interlock_adapters.sql.schema.row_rules import RUNNING, found_in
from interlock_adapters.sql.schema.upgrade import HEAD
from interlock_adapters.sql.store import tally
from interlock_adapters.sql.store.database import Database

_FREE = (
    "DELETE FROM interlock_slot WHERE NOT EXISTS (SELECT 1 FROM interlock_job AS j"
    f" WHERE j.id = interlock_slot.job_id AND {found_in(RUNNING, 'j.')}"
    " AND j.attempt = interlock_slot.attempt)"
)


def correct_counts(database: Database) -> list[str]:
    """Bring the tally of counts up to date, and correct it if it is wrong."""
    while tally.take_in(database):
        pass
    with database.read() as connection:
        wrong = tally.faults(connection, database.flavor)
    if not wrong:
        return ["The counts agree with the jobs."]
    database.repeated(lambda connection: tally.recount(connection, database.flavor))
    return [f"The counts of {len(wrong)} kinds of jobs were wrong, and are corrected."]


def free_slots(database: Database) -> list[str]:
    """Free slots of limits that no running attempt holds: an error of the past."""
    many = database.repeated(lambda c: c.execute(sa.text(_FREE)).rowcount)
    return [f"{many} slots of limits were free again."] if many else []


def refuse_beside_workers(database: Database) -> None:
    """Refuse what would cost running jobs their leases.

    Raises:
        StoreUnavailable: which workers are running.
    """
    with database.read() as connection:
        now = database.clock.now()
        live = live_workers.listed(connection, HEAD, now=now)
    if live:
        raise StoreUnavailable(
            "While the database is written anew, nobody else can write, and running "
            f"jobs would lose their leases. These workers are running: "
            f"{', '.join(live)}. Stop them, or leave out --full. "
            "Nothing was changed."
        )


def megabytes(count: int) -> str:
    """Return a number of bytes for people."""
    return f"{count / 1_000_000:.1f} MB"
