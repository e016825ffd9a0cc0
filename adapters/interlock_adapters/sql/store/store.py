"""`SqlStore`: the `JobStore` on a SQL database."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa

from interlock.core.errors import InterlockError, JobNotFound
from interlock.core.guards import NOT_MOVES, refusal
from interlock.core.job import Job, Move, NewJob
from interlock.core.lifecycle import row_of
from interlock.core.records import (
    ClaimRequest,
    Note,
    Running,
)
from interlock.ports.runner import Wakeup
from interlock_adapters.sql.schema import tables
from interlock_adapters.sql.schema.column_types import UtcDateTime
from interlock_adapters.sql.statements import move_facts, rows, updates
from interlock_adapters.sql.store import claims, inserts, parking, place
from interlock_adapters.sql.store.attention import Attention
from interlock_adapters.sql.store.borrowed import borrowed
from interlock_adapters.sql.store.database import Database
from interlock_adapters.sql.store.feed import Feed
from interlock_adapters.sql.store.idempotency import IdempotencyKeys
from interlock_adapters.sql.store.maintenance import Maintenance
from interlock_adapters.sql.store.notes import store_notes
from interlock_adapters.sql.store.reads import ONE, Reads
from interlock_adapters.sql.store.schedules import Schedules
from interlock_adapters.sql.store.statistics import Statistics

_MICROSECONDS = 1_000_000
_MAX_CLAIMS = 50  # transactions that only park jobs, before a claim returns


class SqlStore:
    """Jobs in tables; every change of status is one guarded UPDATE.

    What changes jobs while they run is written here. The other capabilities of
    `JobStore` are parts, which share the database.
    """

    def __init__(self, database: Database) -> None:
        self.database = database
        self.together = database.together
        self.needs = Attention(database).needs
        reads = Reads(database)
        self.get = reads.get
        self.search = reads.search
        self.counts = reads.counts
        self.history = reads.history
        self.attempts = reads.attempts
        self.rejections = reads.rejections
        self.log = reads.log
        self.queues = reads.queues
        self.limits = reads.limits
        self.workers = reads.workers
        self.cancels = reads.cancels
        self.check = reads.check
        maintenance = Maintenance(database)
        self.lost = maintenance.lost
        self.reopen = maintenance.reopen
        self.overdue = maintenance.overdue
        self.next_due = maintenance.next_due
        self.set_paused = maintenance.set_paused
        self.set_limit = maintenance.set_limit
        self.see_worker = maintenance.see_worker
        self.forget_worker = maintenance.forget_worker
        self.delete = maintenance.delete
        self.purge = maintenance.purge
        self.verify = maintenance.verify
        self.schedules = Schedules(database, self._commit)
        feed = Feed(database)
        self.history_after = feed.history_after
        self.feed = feed.feed
        self.feed_end = feed.feed_end
        self.backlog = feed.backlog
        statistics = Statistics(database)
        self.recent = statistics.recent
        self.ended_jobs = statistics.ended_jobs
        self.take_stock = statistics.take_stock
        self.totals = statistics.totals
        keys = IdempotencyKeys(database)
        self.reserve = keys.reserve
        self.keep = keys.keep
        self.forget = keys.forget

    def add(self, jobs: Sequence[NewJob], *, connection: object = None) -> list[Job]:
        """See `JobStore.add`."""
        now = self.database.clock.now()
        is_own_clock = self.database.flavor.now is not None
        if connection is not None:
            dialect, schema = self.database.flavor.dialect, self.database.schema
            own = borrowed(connection, dialect)
            return inserts.add(
                own, jobs, now=now, schema=schema, is_own_clock=is_own_clock
            )
        if len(jobs) == 1 and self.database.can_write_alone:
            write = self.database.write_alone
            stored = inserts.add_alone(
                write, jobs[0], now=now, is_own_clock=is_own_clock
            )
            if stored is not None:
                return [stored]
        return self.database.repeated(
            lambda own: inserts.add(own, jobs, now=now, is_own_clock=is_own_clock)
        )

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
                connection, request, self.database.flavor, lease_now=now, epoch=epoch
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
        flavor = self.database.flavor
        leaving = {m.job_id for m in moves if not row_of(m.event).is_internal}
        causes = (
            parking.freed_by(connection, sorted(leaving), flavor) if leaving else {}
        )
        store_notes(connection, notes)
        outcomes: list[Job | InterlockError] = []
        for some in _runs(moves):
            outcomes += self._move(connection, some)
        parking.open_some(connection, causes, flavor)
        return outcomes

    def _move(
        self, connection: sa.Connection, moves: Sequence[Move]
    ) -> list[Job | InterlockError]:
        """Apply moves of different jobs; refuse those that their UPDATE left out."""
        now, epoch = self.database.dialect.lease_clock()
        facts_by_event = defaultdict(list)
        for move in moves:
            if move.event not in NOT_MOVES:
                facts_by_event[move.event].append(
                    move_facts.of_move(move, lease_now=now, lease_epoch=epoch)
                )
        done: dict[str, Job] = {}
        for event, each in facts_by_event.items():
            given = move_facts.parameter(each, self.database.flavor)
            found = connection.execute(updates.move(event, self.database.flavor), given)
            for row in found.mappings():
                done[row["id"]] = rows.to_job(row, now=moves[0].now)
        return [
            done.get(move.job_id) or self._refuse(connection, move) for move in moves
        ]

    def _refuse(self, connection: sa.Connection, move: Move) -> InterlockError:
        """Record why a move was refused, and return the error."""
        found = connection.execute(ONE, {"job_id": move.job_id})
        row = found.mappings().first()
        if row is None:
            return JobNotFound(move.job_id)
        now, epoch = self.database.lease_now(connection)
        live = row["lease_epoch"] == epoch and (row["lease_until_us"] or 0) > now
        error = refusal(move, rows.to_job(row, now=move.now), lease_live=live)
        connection.execute(
            sa.insert(tables.rejection).values(
                job_id=move.job_id,
                event=move.event.value,
                status=row["status"],
                at=move.now,
                actor=move.actor,
                attempt=move.attempt,
                why=str(error),
            )
        )
        return error

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


def _runs(moves: Sequence[Move]) -> Iterator[list[Move]]:
    """Yield the moves in order, in groups in which each job occurs once."""
    run: list[Move] = []
    ids: set[str] = set()
    for move in moves:
        if move.job_id in ids:
            yield run
            run, ids = [], set()
        run.append(move)
        ids.add(move.job_id)
    if run:
        yield run
