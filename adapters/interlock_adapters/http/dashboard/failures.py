"""Failed jobs by their cause: what failed, with which error, where in the code."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Final

from interlock.core.job import Job
from interlock.core.lifecycle import Event, row_of
from interlock_adapters.http.dashboard.frames import frames, own
from interlock_adapters.http.dashboard.verdict import in_short

_SUCCEEDED: Final = row_of(Event.SUCCEED).target
_BUCKETS: Final = 14  # of a spark
_KEY: Final = 16  # digits


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """Jobs of one name that failed with one error at one place.

    Args:
        key: names it, whatever its jobs are.
        name: of the jobs.
        error: of the newest, in one line.
        kind: the class of the error, or the reason.
        place: in the user's code, if it is known.
        jobs: newest first.
        open: those of them that no rerun has cured, and that nobody ran again since.
        cured: how many have a rerun that succeeded.
        is_timeout: whether they ran too long.
        spark: how many failed in each part of the time since the first one, in percent
            of the highest.
    """

    key: str
    name: str
    error: str
    kind: str
    place: str
    jobs: Sequence[Job]
    open: Sequence[Job]
    cured: int
    is_timeout: bool
    spark: Sequence[float]

    @property
    def first(self) -> datetime:
        """When the first one failed."""
        return self.jobs[-1].finished_at or self.jobs[-1].created_at

    @property
    def last(self) -> datetime:
        """When the last one failed."""
        return self.jobs[0].finished_at or self.jobs[0].created_at

    @property
    def many(self) -> int:
        """How many are open."""
        return len(self.open)


def key_of(job: Job) -> tuple[str, str, str, str]:
    """Return what makes the cause of a failed job: status, name, error, place."""
    error = job.error
    kind = (error.type or error.reason) if error else str(job.reason or "")
    found = own(frames(error.traceback)) if error else []
    place = f"{found[0].place} in {found[0].function}" if found else ""
    return (job.status, job.name, kind, place)


def digest(job: Job) -> str:
    """Return the name of the cause of a failed job, for addresses."""
    return sha256("\0".join(key_of(job)).encode()).hexdigest()[:_KEY]


def causes(
    failed: Iterable[Job], reruns: Mapping[str, Sequence[Job]], *, now: datetime
) -> list[Cause]:
    """Group failed jobs (newest first) by cause, the largest group first.

    `reruns` are the jobs that ran one of them again, by its id. A job is cured when a
    rerun of it has succeeded, or a rerun of a rerun; and a rerun that failed, when
    another one of the same job has.
    """
    groups: dict[tuple[str, str, str, str], list[Job]] = {}
    for job in failed:
        groups.setdefault(key_of(job), []).append(job)
    found = [_cause(key, jobs, reruns, now) for key, jobs in groups.items()]
    return sorted(found, key=lambda cause: (-cause.many, cause.name))


def _cause(
    key: tuple[str, str, str, str],
    jobs: Sequence[Job],
    reruns: Mapping[str, Sequence[Job]],
    now: datetime,
) -> Cause:
    status, name, kind, place = key
    return Cause(
        key=digest(jobs[0]),
        name=name,
        error=in_short(jobs[0]).partition(" · ")[0],
        kind=kind.rpartition(".")[2].replace("_", " "),
        place=place,
        jobs=jobs,
        open=[
            job for job in jobs if not (reruns.get(job.id) or _is_cured(job, reruns))
        ],
        cured=sum(_is_cured(job, reruns) for job in jobs),
        is_timeout=status == row_of(Event.TIME_OUT).target,
        spark=_spark([job.finished_at or job.created_at for job in jobs], now),
    )


def _is_cured(job: Job, reruns: Mapping[str, Sequence[Job]]) -> bool:
    family = [job.id] if job.rerun_of is None else [job.id, job.rerun_of]
    return any(_has_success(job_id, reruns) for job_id in family)


def _has_success(job_id: str, reruns: Mapping[str, Sequence[Job]]) -> bool:
    return any(
        again.status is _SUCCEEDED or _has_success(again.id, reruns)
        for again in reruns.get(job_id, ())
    )


def _spark(moments: Sequence[datetime], now: datetime) -> list[float]:
    first = min(moments)
    whole = max((now - first).total_seconds(), 1.0)
    counts = [0] * _BUCKETS
    for moment in moments:
        part = (moment - first).total_seconds() / whole
        counts[min(_BUCKETS - 1, int(part * _BUCKETS))] += 1
    return [round(100 * count / max(counts), 1) for count in counts]
