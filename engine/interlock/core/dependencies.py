"""Dependencies: jobs that a job waits for, and what becomes of it if one fails."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Final

from interlock.core.errors import InvalidOption
from interlock.core.guards import CANCEL
from interlock.core.job import Job, Move
from interlock.core.lifecycle import INITIAL, Event, Reason
from interlock.core.records import ITSELF

#: The most jobs that one job may depend on.
MAX_DEPENDENCIES: Final = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Dependency:
    """One job depends on another one.

    Args:
        job_id: the job that waits.
        position: of the other one among all that it waits for, from 0.
        parent_id: the job that it waits for.
        name: what its function calls it, if `depends_on` has names.
        group_id: the group that it waits for as a whole, with others.
        awaited_by: the attempt that waits for the end of a job, whatever that is; None:
            the job depends on it (`depends_on`).
    """

    job_id: str
    position: int
    parent_id: str
    name: str | None = None
    group_id: str | None = None
    awaited_by: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Linked:
    """A dependency, with the job at its other end; None: that job was deleted."""

    dependency: Dependency
    job: Job | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Graph:
    """Jobs, and which of them depend on which.

    Args:
        jobs: those that were found, by id.
        edges: between them.
        is_whole: whether nothing was left out.
    """

    jobs: tuple[Job, ...]
    edges: tuple[Dependency, ...]
    is_whole: bool

    def mermaid(self) -> str:
        """Return it as a Mermaid flowchart, from what is waited for to who waits."""
        numbers = {job.id: number for number, job in enumerate(self.jobs)}
        lines = ["flowchart LR"]
        lines += [
            f'    j{numbers[job.id]}["{job.name}<br>{job.status}"]' for job in self.jobs
        ]
        for edge in self.edges:
            name = "" if edge.name is None else f"|{_quoted(edge.name)}|"
            source, target = numbers[edge.parent_id], numbers[edge.job_id]
            lines.append(f"    j{source} -->{name} j{target}")
        return "\n".join(lines) + "\n"


def _quoted(label: str) -> str:
    """Return a label as Mermaid reads it, whatever its characters are."""
    escaped = "".join(c if c.isalnum() or c in " _-." else f"#{ord(c)};" for c in label)
    return f'"{escaped}"'


#: Dependencies of new jobs, by their ids.
Links = Mapping[str, Sequence[Dependency]]
NO_DEPENDENCIES: Final[Links] = MappingProxyType({})


def abandon(job_id: str, words: str, now: datetime) -> Move:
    """Return the move that ends a job because one that it depends on has failed."""
    return Move(
        job_id=job_id,
        event=Event.ABANDON,
        now=now,
        actor=ITSELF,
        reason=Reason.PARENT,
        text=words,
    )


def cancel_child(child: Job, parent: Job, now: datetime) -> Move:
    """Return the move that cancels a job because the one that submitted it is."""
    waits = child.status is INITIAL
    return Move(
        job_id=child.id,
        event=Event.CANCEL if waits else Event.REQUEST_CANCEL,
        now=now,
        actor=ITSELF,
        reason=Reason.BEFORE_START if waits else None,
        text=f"{Reason.PARENT}: job {parent.id}, which submitted it, is canceled",
    )


def is_taken_along(child: Job) -> bool:
    """Whether a job is to be canceled now, because the one that submitted it is."""
    is_live = not child.is_terminal and child.cancel_requested_at is None
    return is_live and child.on_parent_cancel == CANCEL


def awaits_itself(job_id: str) -> InvalidOption:
    """Return the error for a job that would wait for one that waits for it."""
    message = (
        f"Job {job_id} cannot wait for a job that waits for it (depends_on): none of "
        "the two could go on. The other job is stored; its result cannot be awaited."
    )
    return InvalidOption.because("job", message)


def words_of(parent: Job, why: str | None) -> str:
    """Return why jobs that depend on a job are abandoned.

    `why` is the reason in the last entry of its history. Of a job that was abandoned
    itself the words are passed on: they name the job that failed first.
    """
    if parent.reason is Reason.PARENT and why:
        return why
    told = why or parent.reason
    return f"{Reason.PARENT}: job {parent.id} is {parent.status} ({told})"
