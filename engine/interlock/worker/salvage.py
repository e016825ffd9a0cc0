"""Stores what it can, after the database has refused moves and notes together.

A value that no database can hold costs itself: its note is left out, its job FAILED.
It must not cost the worker, or the ends of other jobs.
"""

import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from interlock.core.errors import InterlockError, StoreUnavailable
from interlock.core.job import Failure, Job, Move
from interlock.core.lifecycle import Event, Reason
from interlock.core.records import Note
from interlock.ports.store import JobStore

_log = logging.getLogger("interlock.worker")
#: The ends of a job that has ended by itself: they carry what the job has said.
_OWN_ENDS: Final = frozenset({Event.SUCCEED, Event.FAIL, Event.RETRY})


def store_each(
    store: JobStore, moves: Sequence[Move], notes: Sequence[Note]
) -> list[Job | InterlockError]:
    """Store the notes and then each move, in transactions of their own.

    Returns:
        For each move the job, or why it was refused.

    Raises:
        StoreUnavailable: the store does not answer; some may be stored.
    """
    _store_notes(store, notes)
    return [_store_move(store, move) for move in moves]


def _store_notes(store: JobStore, notes: Sequence[Note]) -> None:
    """Store all notes but those that are refused alone."""
    if not notes:
        return
    try:
        store.commit([], notes)
    except StoreUnavailable:
        raise
    except Exception as error:  # noqa: BLE001  (whatever a database refuses)
        if len(notes) > 1:
            half = len(notes) // 2
            _store_notes(store, notes[:half])
            _store_notes(store, notes[half:])
            return
        _log.error(
            "Job %s: the database refuses a %s of it, which is left out: %s",
            notes[0].job_id,
            type(notes[0]).__name__,
            _brief(error),
            extra={"job_id": notes[0].job_id, "attempt": notes[0].attempt},
        )


def _store_move(store: JobStore, move: Move) -> Job | InterlockError:
    """Store a move; if it is refused, one without what the job has said."""
    error: Exception
    for tried in (move, _plain(move)):
        try:
            return store.commit([tried])[0]
        except StoreUnavailable:
            raise
        except Exception as raised:  # noqa: BLE001  (whatever a database refuses)
            error = raised
            about = {"job_id": move.job_id, "attempt": move.attempt}
            message = "Job %s: the database refuses to store its %s: %s"
            words = (move.job_id, move.event, _brief(raised))
            _log.error(message, *words, exc_info=raised, extra=about)
    return InterlockError(f"the database refuses it: {_brief(error)}")


def _plain(move: Move) -> Move:
    """Return the move without values of the job."""
    plain = replace(move, result=None, error=None)
    if move.event not in _OWN_ENDS:
        return plain
    words = "the database cannot store what the job returned or raised"
    failure = Failure(reason=Reason.BAD_RESULT, message=words)
    return replace(plain, event=Event.FAIL, reason=Reason.BAD_RESULT, error=failure)


def _brief(error: Exception) -> str:
    """Return the first line of an error: the others are SQL and its parameters."""
    return (str(error).splitlines() or [type(error).__name__])[0][:500]
