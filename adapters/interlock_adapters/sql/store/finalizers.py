"""Submits the finalizers of attempts, in the transaction that ends them."""

from collections.abc import Sequence

import sqlalchemy as sa

from interlock.core.dependencies import Dependency
from interlock.core.finalizing import finalizer_of
from interlock.core.job import Job
from interlock.core.lifecycle import INITIAL
from interlock_adapters.sql.schema import tables
from interlock_adapters.sql.store import dependencies, inserts
from interlock_adapters.sql.store.database import Database

_EDGE = tables.dependency.c


def submit(connection: sa.Connection, ended: Sequence[Job], database: Database) -> None:
    """Submit the finalizers of jobs whose attempts have just ended.

    Those that will be tried again wait for it.
    """
    now = database.present(connection)
    new = [finalizer_of(job, now) for job in ended]
    inserts.add(connection, new, database.flavor, now=now)
    edges = [
        Dependency(
            job_id=job.id,
            position=_next_position(connection, job),
            parent_id=finalizer.id,
            awaited_by=job.attempt,
        )
        for job, finalizer in zip(ended, new, strict=True)
        if job.status is INITIAL
    ]
    dependencies.insert(connection.execute, edges)


def _next_position(connection: sa.Connection, job: Job) -> int:
    last = sa.select(sa.func.max(_EDGE.position)).where(_EDGE.job_id == job.id)
    found = connection.execute(last).scalar()
    return 0 if found is None else found + 1
