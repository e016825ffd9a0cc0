"""`SqlStore`: the `JobStore` on a SQL database."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

import sqlalchemy as sa

from interlock.core.dependencies import NO_DEPENDENCIES, Links
from interlock.core.errors import InterlockError
from interlock.core.job import Job, Move, NewJob
from interlock.core.records import ClaimRequest, Note, Running
from interlock.core.uniqueness import NO_POLICIES, Unique
from interlock.ports.runner import Wakeup
from interlock_adapters.sql.schema.column_types import UtcDateTime
from interlock_adapters.sql.statements import move_facts, updates
from interlock_adapters.sql.store import claims, inserts, parking, place
from interlock_adapters.sql.store import moves as moves_of
from interlock_adapters.sql.store.attention import Attention
from interlock_adapters.sql.store.borrowed import borrowed
from interlock_adapters.sql.store.database import Database
from interlock_adapters.sql.store.dependencies import Dependencies, settle
from interlock_adapters.sql.store.feed import Feed
from interlock_adapters.sql.store.forgetting import Forgetting
from interlock_adapters.sql.store.groups import Groups
from interlock_adapters.sql.store.holds import Holds
from interlock_adapters.sql.store.idempotency import IdempotencyKeys
from interlock_adapters.sql.store.limits import Limits
from interlock_adapters.sql.store.maintenance import Maintenance
from interlock_adapters.sql.store.notes import store_notes
from interlock_adapters.sql.store.reads import Reads
from interlock_adapters.sql.store.remarks import Remarks
from interlock_adapters.sql.store.schedules import Schedules
from interlock_adapters.sql.store.statistics import Statistics
from interlock_adapters.sql.store.steps import Steps

_MICROSECONDS = 1_000_000
_MAX_CLAIMS = 50  # transactions that only park jobs, before a claim returns


class SqlStore:
    """Jobs in tables; every change of status is one guarded UPDATE.

    What changes jobs while they run is written here. The other capabilities of
    `JobStore` are parts, which share the database.
    """

    def __init__(self, database: Database) -> None:  # noqa: PLR0915  (a line each)
        self.database = database
        self.together = database.together
        self.needs = Attention(database).needs
        reads = Reads(database)
        self.get = reads.get
        self.search = reads.search
        self.ids_like = reads.ids_like
        links = Dependencies(database)
        self.dependencies = links.dependencies
        self.dependents = links.dependents
        self.groups = Groups(database)
        self.steps = Steps(database, self._commit)
        self.counts = reads.counts
        self.history = reads.history
        self.attempts = reads.attempts
        self.rejections = reads.rejections
        self.log = reads.log
        self.queues = reads.queues
        self.workers = reads.workers
        self.cancels = reads.cancels
        self.check = reads.check
        self.schedules = Schedules(database, self._commit)
        maintenance = Maintenance(database, self.schedules)
        self.lost = maintenance.lost
        self.reopen = maintenance.reopen
        self.overdue = maintenance.overdue
        self.next_due = maintenance.next_due
        self.set_paused = maintenance.set_paused
        limits = Limits(database)
        self.limits = limits.limits
        self.set_limit = limits.set_limit
        self.unset_limit = limits.unset_limit
        self.blockers = limits.blockers
        holds = Holds(database)
        self.hold = holds.hold
        self.release_hold = holds.release_hold
        self.holds = holds.holds
        remarks = Remarks(database)
        self.remark = remarks.remark
        self.remarks = remarks.remarks
        self.see_worker = maintenance.see_worker
        self.forget_worker = maintenance.forget_worker
        self.delete = maintenance.delete
        self.purge = maintenance.purge
        self.prune = maintenance.prune
        self.verify = maintenance.verify
        self.forget_ended = Forgetting(database).forget_ended
        feed = Feed(database)
        self.history_after = feed.history_after
        self.feed = feed.feed
        self.feed_end = feed.feed_end
        self.backlog = feed.backlog
        statistics = Statistics(database)
        self.recent = statistics.recent
        self.ended_jobs = statistics.ended_jobs
        self.stints = statistics.stints
        self.take_stock = statistics.take_stock
        self.totals = statistics.totals
        keys = IdempotencyKeys(database)
        self.reserve = keys.reserve
        self.keep = keys.keep
        self.forget = keys.forget

    def add(
        self,
        jobs: Sequence[NewJob],
        *,
        unique: Mapping[str, Unique] = NO_POLICIES,
        dependencies: Links = NO_DEPENDENCIES,
        connection: object = None,
    ) -> list[Job]:
        """See `JobStore.add`."""
        now, flavor = self.database.clock.now(), self.database.flavor
        add = partial(
            inserts.add,
            jobs=jobs,
            flavor=flavor,
            now=now,
            unique=unique,
            dependencies=dependencies,
        )
        if connection is not None:
            own, schema = borrowed(connection, flavor.dialect), self.database.schema
            return add(own, schema=schema)
        if len(jobs) == 1 and self.database.can_write_alone:
            write = self.database.write_alone
            stored = inserts.add_alone(write, jobs[0], now=now, flavor=flavor)
            if stored is not None:
                return [stored]
        return self.database.repeated(
            lambda own: self._settled(own, add(own), dependencies)
        )

    def _settled(
        self,
        connection: sa.Connection,
        added: list[Job],
        dependencies: Links,
    ) -> list[Job]:
        """Park new jobs on others that they wait for. A claim would, if this did not.

        Not in an application's transaction: it would keep the others from ending.
        """
        if not dependencies:
            return added
        new = {job.id for job in added}
        waiting = {
            job_id: edge.parent_id
            for job_id, edges in dependencies.items()
            for edge in edges
            if edge.parent_id in new
        }
        ids = [i for i in dependencies if i in new and i not in waiting]
        if ids:
            now = self.database.present(connection)
            waiting |= settle(connection, ids, self.database.flavor, now)[0]
        return [
            replace(job, blocked_by=waiting[job.id]) if job.id in waiting else job
            for job in added
        ]

    def claim(self, request: ClaimRequest) -> list[Job]:
        """See `JobStore.claim`."""
        is_sqlite = not self.database.flavor.is_postgres
        if is_sqlite and not self.database.has_begun:  # no lock where nothing waits
            with self.database.read() as connection:
                if not claims.is_any(connection, request, self.database.flavor):
                    return []

        def write(connection: sa.Connection) -> tuple[list[Job], bool]:
            now, epoch = self.database.dialect.lease_clock()
            claimed = claims.claim(
                connection,
                request,
                self.database.flavor,
                lease_now=now,
                epoch=epoch,
                write=lambda moves: moves_of.write(connection, moves, self.database),
            )
            request.refuse_misfits(claimed[0])  # undoes the transaction
            return claimed

        # No sync: a power cut that undoes the claim has ended its attempt as well.
        jobs: list[Job] = []
        for _ in range(_MAX_CLAIMS if not self.database.has_begun else 1):
            jobs, is_unfinished = self.database.repeated(write, durable=False)
            if not is_unfinished:
                break
        return jobs

    def apply(self, move: Move) -> Job:
        """See `JobStore.apply`."""
        (outcome,) = self.commit([move])
        if isinstance(outcome, InterlockError):
            raise outcome
        return outcome

    def commit(
        self, moves: Sequence[Move], notes: Sequence[Note] = ()
    ) -> list[Job | InterlockError]:
        """See `JobStore.commit`."""
        if not moves and not notes:
            return []
        return self.database.repeated(
            lambda connection: self._commit(connection, moves, notes)
        )

    def _commit(
        self,
        connection: sa.Connection,
        moves: Sequence[Move],
        notes: Sequence[Note] = (),
    ) -> list[Job | InterlockError]:
        causes = moves_of.causes_of(connection, moves, self.database)
        store_notes(connection, notes)
        outcomes = moves_of.write(connection, moves, self.database)
        parking.open_some(connection, causes, self.database.flavor)
        return outcomes

    def renew(
        self, worker_id: str, attempts: Mapping[str, int], lease: timedelta
    ) -> list[Running]:
        """See `JobStore.renew`."""

        def extend(connection: sa.Connection) -> list[Running]:
            now, epoch = self.database.dialect.lease_clock()
            each = [
                {
                    "job_id": job_id,
                    "attempt": attempt,
                    "worker": worker_id,
                    "lease_now": now,
                    "lease_epoch": epoch,
                    "lease_us": round(lease.total_seconds() * _MICROSECONDS),
                }
                for job_id, attempt in attempts.items()
            ]
            given = move_facts.parameter(each, self.database.flavor)
            found = connection.execute(updates.renew(self.database.flavor), given)
            return [
                Running(
                    job_id=row.id,
                    attempt=row.attempt,
                    cancel_requested=row.cancel_requested_at is not None,
                )
                for row in found
            ]

        return self.database.repeated(extend)

    def now(self) -> datetime:
        """See `JobStore.now`."""
        clock = self.database.flavor.now
        if clock is None:
            return self.database.clock.now()
        query = sa.text(f"SELECT {clock} AS now").columns(now=UtcDateTime)
        found: datetime = self.database.rows(query)[0]["now"]
        return found

    def place(self) -> str:
        """See `JobStore.place`."""
        return place.settle(self.database)

    def watch(self) -> Wakeup:
        """See `JobStore.watch`."""
        return self.database.dialect.watch()

    def close(self) -> None:
        """See `JobStore.close`."""
        self.database.engine.dispose()
