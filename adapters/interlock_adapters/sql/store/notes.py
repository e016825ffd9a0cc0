"""Stores what workers note of running attempts: output, progress, use of resources."""

from collections.abc import Sequence
from dataclasses import asdict

import sqlalchemy as sa

from interlock.core.records import (
    KillUnconfirmed,
    LogLine,
    Note,
    ProgressNote,
    Started,
    Used,
)
from interlock_adapters.sql.schema import row_rules, tables
from interlock_adapters.sql.statements import updates


def store_notes(connection: sa.Connection, notes: Sequence[Note]) -> None:
    """Store notes, those of a kind at once; progress only while the attempt runs."""
    lines = [note for note in notes if isinstance(note, LogLine)]
    if lines:
        names = ("job_id", "attempt", "at", "stream", "text")
        values = [{f"p_{n}": getattr(line, n) for n in names} for line in lines]
        connection.execute(updates.log_line(), values)
    noted = _attempts_noted(notes)
    if noted:
        connection.execute(updates.attempt_noted(), noted)
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
            case LogLine() | Started() | Used():
                continue  # stored above, all at once


def _attempts_noted(notes: Sequence[Note]) -> list[dict[str, object]]:
    """Return one row of parameters an attempt: all that its notes tell of it."""
    found: dict[tuple[str, int], dict[str, object]] = {}
    for note in notes:
        match note:
            case Started():
                values = {
                    "pid": note.pid,
                    "containment": note.containment,
                    "started_at": note.at,
                }
            case Used():
                values = {
                    "peak_memory_bytes": note.peak_memory_bytes,
                    "cpu_seconds": note.cpu_seconds,
                }
            case _:
                continue
        row = found.get((note.job_id, note.attempt))
        if row is None:
            row = dict.fromkeys(f"p_{name}" for name in updates.ATTEMPT_NOTED)
            row |= {"p_job_id": note.job_id, "p_attempt": note.attempt}
            found[note.job_id, note.attempt] = row
        row |= {
            f"p_{name}": value for name, value in values.items() if value is not None
        }
    return list(found.values())


def _update_running(
    connection: sa.Connection, note: ProgressNote | KillUnconfirmed, **values: object
) -> None:
    table = tables.job
    same = (table.c.id == note.job_id, table.c.attempt == note.attempt)
    running = sa.text(row_rules.found_in(row_rules.RUNNING, "interlock_job."))
    connection.execute(sa.update(table).where(*same, running).values(values))
