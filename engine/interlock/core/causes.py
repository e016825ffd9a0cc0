"""Failures by their cause: which job failed, with which error, where in its code."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from typing import Final

from interlock.core.frames import frames, own
from interlock.core.job import Job
from interlock.core.lifecycle import JobStatus

#: Digits of the key of a cause.
KEY_DIGITS: Final = 16


class RemarkKind(StrEnum):
    """What a remark on a cause does.

    A note says something. An acknowledgement says that somebody knows of the failures
    and attends to them, so that they alarm nobody else; to reopen takes that back.
    """

    NOTE = "note"
    ACKNOWLEDGE = "acknowledge"
    REOPEN = "reopen"


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """What somebody said of a cause of failures. Remarks are never changed.

    Args:
        cause: the key of the cause.
        kind: what it does.
        text: up to 2,000 characters; a note has one.
        by: who said it.
        at: when.
    """

    cause: str
    kind: RemarkKind
    text: str | None
    by: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """Jobs of one name that failed with one error at one place.

    Args:
        key: names it, whatever its jobs are.
        name: of the jobs.
        status: FAILED, or TIMEOUT if they ran too long.
        error: the class of the error, or the reason.
        message: of the newest, in one line, without secrets.
        place: in the application's code, such as `billing/tax.py:48 in vat`; None: it
            is not known.
        jobs: their ids, the newest first.
        open: the ids of those that no rerun has cured, and that nobody ran again since
            they failed.
        cured: how many have a rerun that succeeded.
        first_at: when the first one ended.
        last_at: when the last one ended.
        remarks: what people said of it, the oldest first.
    """

    key: str
    name: str
    status: JobStatus
    error: str
    message: str
    place: str | None
    jobs: Sequence[str]
    open: Sequence[str]
    cured: int
    first_at: datetime
    last_at: datetime
    remarks: Sequence[Remark] = ()

    @property
    def acknowledged(self) -> Remark | None:
        """The remark that acknowledged it; None: nobody did, or it was reopened."""
        kinds = [each for each in self.remarks if each.kind is not RemarkKind.NOTE]
        last = kinds[-1] if kinds else None
        return last if last and last.kind is RemarkKind.ACKNOWLEDGE else None


def cause_key(job: Job) -> str:
    """Return the key of the cause of a failed job."""
    parts = (job.status, job.name, error_of(job), place_of(job) or "")
    return sha256("\0".join(parts).encode()).hexdigest()[:KEY_DIGITS]


def error_of(job: Job) -> str:
    """Return the class of a failed job's error, or the reason."""
    error = job.error
    return (error.type or error.reason) if error else str(job.reason or "")


def place_of(job: Job) -> str | None:
    """Return where in the application's code a job failed, if its traceback says it."""
    found = own(frames(job.error.traceback)) if job.error else []
    return f"{found[0].place} in {found[0].function}" if found else None
