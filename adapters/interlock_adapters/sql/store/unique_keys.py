"""Who has a unique key: a job that has not ended, or one that keeps it for a time.

Submitters of one key come one after the other (PostgreSQL: a lock of the key; SQLite
has one writer), so that none of them acts on what another is about to change.
"""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from interlock.core.job import Job, NewJob
from interlock.core.lifecycle import Event
from interlock.core.uniqueness import SPARED, Unique, kept, replacing, taken
from interlock_adapters.sql.schema.column_types import UtcDateTime
from interlock_adapters.sql.schema.flavor import Flavor
from interlock_adapters.sql.schema.row_rules import LIVE
from interlock_adapters.sql.schema.tables import job, unique
from interlock_adapters.sql.statements import claiming, move_facts, rows, updates

Execute = Callable[..., sa.CursorResult[Any]]  # of a connection

_LIVE: Final = [status.value for status in LIVE]
_PRESENT: Final = sa.func.clock_timestamp(type_=sa.DateTime(timezone=True))


def lock(execute: Execute, keys: Iterable[str], flavor: Flavor) -> None:
    """Wait until no other transaction submits with these keys; locks end with ours.

    In SQLite that is to begin to write, which a caller's driver does only before a
    statement that starts with INSERT, UPDATE or DELETE (Python, `sqlite3`).
    """
    causes = sorted({f"unique:{key}" for key in keys})
    if not causes:
        return
    if flavor.is_postgres:
        execute(claiming.lock_causes(), {"causes": causes})
    else:
        execute(sa.delete(unique).where(unique.c.key == ""))


def holder(
    execute: Execute, new: NewJob, wanted: Unique, flavor: Flavor, *, now: datetime
) -> tuple[Job | None, bool]:
    """Return who has the key of a new job, and whether it gives way.

    Raises:
        DuplicateJob: it does not, and is not to stand for the new one either.
    """
    assert new.unique_key is not None  # noqa: S101  (for the type checker)
    live = sa.select(job).where(
        job.c.unique_key == new.unique_key, job.c.status.in_(_LIVE)
    )
    if wanted.replaces:
        live = live.with_for_update()  # no claim starts it meanwhile
    row = execute(live).mappings().first()
    if row is None:
        return _keeper(execute, new, wanted, flavor, now=now), False
    found = rows.to_job(row, now=now)
    if wanted.returns:
        return found, False
    if wanted.may_replace(found):
        return found, True
    raise taken(new, wanted, found)


def _keeper(
    execute: Execute, new: NewJob, wanted: Unique, flavor: Flavor, *, now: datetime
) -> Job | None:
    """Return the ended job that still has the key, if it may stand for the new one.

    Raises:
        DuplicateJob: it has the key, and may not.
    """
    is_kept = unique.c.until > _in(timedelta(0), flavor, now)
    key = sa.select(unique).where(unique.c.key == new.unique_key, is_kept)
    held = execute(key).mappings().first()
    if held is None:
        return None
    row = execute(sa.select(job).where(job.c.id == held["job_id"])).mappings().first()
    found = None if row is None else rows.to_job(row, now=now)
    if wanted.returns and found is not None:
        return found
    raise kept(new, held["job_id"], found, held["until"])


def _in(delay: timedelta, flavor: Flavor, now: datetime) -> sa.ColumnElement[Any]:
    """Return a moment from now, by the clock that decides."""
    if flavor.now is None:
        return sa.literal(now + delay, UtcDateTime())
    return _PRESENT + sa.literal(delay)


def replace(
    execute: Execute, old: Job, new: NewJob, flavor: Flavor, *, now: datetime
) -> Job:
    """Cancel a job that waits: another one takes its place, and its key.

    A free slot that it was opened for is passed on by the next `reopen`, which also
    sees to jobs that depend on it: a lock of causes is taken before any row, and never
    after the lock of a key.
    """
    move = replacing(old, new, now)
    facts = move_facts.of_move(move, lease_now=None, lease_epoch="")
    given = move_facts.parameter([facts], flavor)
    done = execute(updates.move(Event.CANCEL, flavor), given).mappings().first()
    execute(sa.delete(unique).where(unique.c.key == old.unique_key))
    return old if done is None else rows.to_job(done, now=now)


def keep(
    execute: Execute,
    new: NewJob,
    time: timedelta,
    flavor: Flavor,
    *,
    now: datetime,
) -> None:
    """Keep the key of a new job taken, also after its end."""
    insert = postgresql.insert if flavor.is_postgres else sqlite.insert
    values = {"job_id": new.id, "until": _in(time, flavor, now)}
    made = insert(unique).values(key=new.unique_key, **values)
    execute(made.on_conflict_do_update(index_elements=["key"], set_=values))


def prune(
    connection: sa.Connection, flavor: Flavor, *, now: datetime, limit: int
) -> int:
    """Delete keys that have been free for a while. See `JobStore.prune`."""
    past = unique.c.until < _in(-SPARED, flavor, now)
    free = sa.select(unique.c.key).where(past).limit(limit)
    # `past` twice: the database judges it anew of a row that another changed meanwhile.
    gone = sa.delete(unique).where(past, unique.c.key.in_(free))
    return connection.execute(gone).rowcount
