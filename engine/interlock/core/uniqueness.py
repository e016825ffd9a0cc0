"""What a submit does if another job has its unique key."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from interlock.core.errors import DuplicateJob
from interlock.core.job import Job, Move, NewJob
from interlock.core.lifecycle import INITIAL, Event, Reason

#: How long a key that is free again stays on record: nobody waits for its deletion.
SPARED: Final = timedelta(minutes=1)


class OnConflict(StrEnum):
    """What becomes of a submit whose unique key is taken."""

    RAISE = "raise"  # DuplicateJob
    RETURN = "return"  # the other job stands for it
    REPLACE = "replace"  # the other one is canceled, if it waits
    DEBOUNCE = "debounce"  # the same, and the new one starts when the key is free


@dataclass(frozen=True, slots=True, kw_only=True)
class Unique:
    """What a submit wants of its unique key."""

    on_conflict: OnConflict = OnConflict.RAISE
    kept: timedelta | None = None  # how long it stays taken, from the submit on

    @property
    def returns(self) -> bool:
        """Whether the other job stands for the new one."""
        return self.on_conflict is OnConflict.RETURN

    @property
    def replaces(self) -> bool:
        """Whether a job that waits gives way."""
        return self.on_conflict in (OnConflict.REPLACE, OnConflict.DEBOUNCE)

    @property
    def is_delayed(self) -> bool:
        """Whether the job starts only after `kept`."""
        return self.on_conflict is OnConflict.DEBOUNCE

    def may_replace(self, holder: Job) -> bool:
        """Whether a job that has the key gives way."""
        return self.replaces and holder.status is INITIAL


#: Of jobs that want nothing but to have their key alone.
PLAIN: Final = Unique()
NO_POLICIES: Final[Mapping[str, Unique]] = MappingProxyType({})


def taken(new: NewJob, wanted: Unique, holder: Job) -> DuplicateJob:
    """Return the error for a key of a job that has not ended."""
    why = f"it is {holder.status}"
    if wanted.replaces:
        why += ", and only a job that waits is replaced"
    return DuplicateJob("unique_key", str(new.unique_key), holder.id, why)


def kept(new: NewJob, job_id: str, holder: Job | None, until: datetime) -> DuplicateJob:
    """Return the error for a key that its job keeps after its end."""
    state = "it was deleted" if holder is None else f"it is {holder.status}"
    why = f"{state}, and keeps the key until {until:%F %T} UTC"
    return DuplicateJob("unique_key", str(new.unique_key), job_id, why)


def replacing(old: Job, new: NewJob, now: datetime) -> Move:
    """Return the cancel of a job that waits, in favour of a new one."""
    return Move(
        job_id=old.id,
        event=Event.CANCEL,
        now=max(now, old.created_at),  # it was stored while we waited, perhaps
        actor=new.submitted_by or "client",
        reason=Reason.REPLACED,
        text=f"replaced by job {new.id}",
    )
