"""`JobStore` on a SQL database. What differs between databases is in a `Dialect`."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import timedelta

import sqlalchemy as sa

from interlock.errors import InterlockError, JobNotFound
from interlock.guards import NOT_MOVES, refusal
from interlock.job import Job, Move, NewJob
from interlock.ports import Wakeup
from interlock.query import (
    ClaimRequest,
    KillUnconfirmed,
    LogLine,
    Note,
    ProgressNote,
    Running,
    Started,
)
from interlock_adapters.sql import claiming, rows, statements, submitting, tables
from interlock_adapters.sql.upkeep import Upkeep

_MICROSECONDS = 1_000_000


class SqlStore(Upkeep):
    """Jobs in tables; every change of status is one guarded UPDATE."""

    def add(self, jobs: Sequence[NewJob], *, connection: object = None) -> list[Job]:
        """See `JobStore.add`."""
        now = self._clock.now()
        if connection is not None:
            return submitting.add(submitting.borrowed(connection), jobs, now=now)
        with self._write() as own:
            return submitting.add(own, jobs, now=now)

    def claim(self, request: ClaimRequest) -> list[Job]:
        """See `JobStore.claim`."""
        with self._read() as connection:
            ready, due = claiming.look(connection, request.now)
        if not ready and not due:
            return []
        with self._write() as connection:
            lease_now, epoch = self._dialect.lease_clock()
            return claiming.claim(
                connection,
                request,
                due=due,
                lease_until=lease_now + _us(request.lease),
                epoch=epoch,
            )

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
        with self._write() as connection:
            _store_notes(connection, notes)
            return [self._move(connection, move) for move in moves]

    def _move(self, connection: sa.Connection, move: Move) -> Job | InterlockError:
        lease_now, epoch = self._dialect.lease_clock()
        row = None
        if move.event not in NOT_MOVES:
            facts = _facts(move, lease_now, epoch)
            found = connection.execute(statements.move(move.event), facts)
            row = found.mappings().first()
        if row is not None:
            return rows.to_job(row, now=move.now)
        return _refuse(connection, move, lease_now, epoch)

    def renew(
        self, worker_id: str, attempts: Mapping[str, int], lease: timedelta
    ) -> list[Running]:
        """See `JobStore.renew`."""
        renewed = []
        with self._write() as connection:
            for job_id, attempt in attempts.items():
                lease_now, epoch = self._dialect.lease_clock()
                facts = {
                    "p_job_id": job_id,
                    "p_attempt": attempt,
                    "p_worker": worker_id,
                    "p_lease_now": lease_now,
                    "p_lease_epoch": epoch,
                    "p_lease_until": lease_now + _us(lease),
                }
                row = connection.execute(statements.renew(), facts).first()
                if row is not None:
                    renewed.append(
                        Running(
                            job_id=row.id,
                            attempt=row.attempt,
                            cancel_requested=row.cancel_requested_at is not None,
                        )
                    )
        return renewed

    def watch(self) -> Wakeup:
        """See `JobStore.watch`."""
        return self._dialect.watch()

    def close(self) -> None:
        """See `JobStore.close`."""
        self._engine.dispose()


def _us(duration: timedelta) -> int:
    return round(duration.total_seconds() * _MICROSECONDS)


def _facts(move: Move, lease_now: int, epoch: str) -> dict[str, object]:
    due = move.run_at or move.now
    reason = move.reason and move.reason.value
    ended = move.exit
    return {
        "p_job_id": move.job_id,
        "p_attempt": move.attempt,
        "p_now": move.now,
        "p_actor": move.actor,
        "p_why": reason if move.text is None else move.text,
        "p_words": move.text,
        "p_reason": reason,
        "p_proof": move.proof and move.proof.value,
        "p_failed": move.error is not None,
        "p_stop_cause": move.stop_cause and move.stop_cause.value,
        "p_lease_now": lease_now,
        "p_lease_epoch": epoch,
        "p_domain_empty": move.domain_empty,
        "p_error": rows.failure_to_json(move.error),
        "p_result": move.result,
        "p_exit_code": ended and ended.code,
        "p_exit_signal": ended and ended.signal,
        "p_run_at": due,
        "p_ready": int(due <= move.now),
    }


def _refuse(
    connection: sa.Connection, move: Move, lease_now: int, epoch: str
) -> InterlockError:
    """Record why a move was refused, and return the error that says it."""
    table = tables.job
    found = connection.execute(sa.select(table).where(table.c.id == move.job_id))
    row = found.mappings().first()
    if row is None:
        return JobNotFound(move.job_id)
    live = row["lease_epoch"] == epoch and (row["lease_until_us"] or 0) > lease_now
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


def _store_notes(connection: sa.Connection, notes: Sequence[Note]) -> None:
    lines = [note for note in notes if isinstance(note, LogLine)]
    if lines:
        names = ("job_id", "attempt", "at", "stream", "text")
        values = [{f"p_{n}": getattr(line, n) for n in names} for line in lines]
        connection.execute(statements.log_line(), values)
    started = [note for note in notes if isinstance(note, Started)]
    if started:
        names = ("job_id", "attempt", "pid", "containment", "at")
        values = [{f"p_{n}": getattr(note, n) for n in names} for note in started]
        connection.execute(statements.started(), values)
    for note in notes:
        match note:
            case ProgressNote():
                _update_running(connection, note, progress=asdict(note.progress))
            case KillUnconfirmed():
                _update_running(
                    connection,
                    note,
                    kill_unconfirmed=True,
                    write_seq=tables.job.c.write_seq + 1,
                    write_attempt=note.attempt,
                )
            case LogLine() | Started():
                continue  # stored above, all at once


def _update_running(
    connection: sa.Connection, note: ProgressNote | KillUnconfirmed, **values: object
) -> None:
    table = tables.job
    same = (table.c.id == note.job_id, table.c.attempt == note.attempt)
    running = table.c.status == tables.RUNNING.value
    connection.execute(sa.update(table).where(*same, running).values(values))
