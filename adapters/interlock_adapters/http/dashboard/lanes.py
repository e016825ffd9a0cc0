"""What workers did of late: a lane a worker, a row a slot, a bar an attempt."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from interlock.core.lifecycle import Event
from interlock.core.records import Stint, WorkerInfo
from interlock_adapters.http.dashboard import words

SPAN: Final = timedelta(minutes=30)
ROW: Final = 13  # pixels
_TICKS: Final = 6
_LEASE_S: Final = 30.0  # of workers that do not say theirs
_MOST_LANES: Final = 30
_MOST_ROWS: Final = 12
_LEAST: Final = 0.15  # percent of the width
#: The class of a bar by the end of its attempt, its sign, and words for it.
_ENDS: Final = {
    None: ("running", "", "running"),
    Event.SUCCEED: ("succeeded", "", "succeeded"),
    Event.FAIL: ("failed", "\N{MULTIPLICATION SIGN}", "failed"),
    Event.RETRY: ("failed", "\N{MULTIPLICATION SIGN}", "failed, to retry"),
    Event.TIME_OUT: ("timeout", "◆", "timed out"),
    Event.FINISH_CANCEL: ("canceled", "\N{EN DASH}", "canceled"),
    Event.SNOOZE: ("succeeded", "", "gave itself back"),
    Event.RELEASE: ("pending", "", "given back"),
}
_LOST: Final = ("pending", "?", "lost")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stroke:
    """One attempt: percent of the width, and the row of a slot."""

    job_id: str
    x: float
    width: float
    row: int
    kind: str
    sign: str
    text: str
    is_rescue: bool  # another worker had lost the job


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """One worker."""

    worker_id: str
    worker: WorkerInfo | None  # None: it has left
    strokes: Sequence[Stroke]
    rows: int
    hidden: int  # attempts beyond the rows
    gap: float | None  # percent of the width, from where on it was not heard of
    running: Sequence[tuple[str, int]]  # names, how many
    busy: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Lanes:
    """All workers, and the moments of the axis."""

    lanes: Sequence[Lane]
    times: Sequence[datetime]
    span: timedelta


@dataclass(frozen=True, slots=True)
class _Time:
    """The time that is shown: up to `now`."""

    now: datetime
    span: timedelta

    def percent(self, moment: datetime) -> float:
        """Return the place of a moment, in percent of the width."""
        share = 1 - (self.now - moment) / self.span
        return round(100 * min(1.0, max(0.0, share)), 2)


def lanes(
    workers: Iterable[WorkerInfo],
    stints: Sequence[Stint],
    *,
    now: datetime,
    span: timedelta = SPAN,
) -> Lanes:
    """Return the lanes of a time up to now."""
    time = _Time(now, span)
    by_worker: dict[str, list[Stint]] = {}
    for stint in stints:
        by_worker.setdefault(stint.worker_id, []).append(stint)
    rescued = _rescued(stints)
    known = {worker.id: worker for worker in workers}
    left = [worker_id for worker_id in by_worker if worker_id not in known]
    return Lanes(
        lanes=[
            _lane(each, known.get(each), by_worker.get(each, []), rescued, time)
            for each in [*known, *left][:_MOST_LANES]
        ],
        times=[now - span * (1 - at / _TICKS) for at in range(_TICKS + 1)],
        span=span,
    )


def _rescued(stints: Iterable[Stint]) -> set[tuple[str, int]]:
    """Return the attempts that follow one that was lost."""
    return {
        (stint.job_id, stint.attempt + 1) for stint in stints if _end(stint) == _LOST
    }


def outcome(event: Event | None) -> str:
    """Return how an attempt ended, in words."""
    return _ENDS.get(event, _LOST)[2]


def _end(stint: Stint) -> tuple[str, str, str]:
    return _ENDS.get(stint.outcome, _LOST)


def _lane(
    worker_id: str,
    worker: WorkerInfo | None,
    stints: Sequence[Stint],
    rescued: set[tuple[str, int]],
    time: _Time,
) -> Lane:
    free_at: list[datetime] = []
    strokes, hidden = [], 0
    for stint in stints:
        row = next(
            (at for at, free in enumerate(free_at) if free <= stint.claimed_at),
            len(free_at),
        )
        free_at[row : row + 1] = [stint.ended_at or time.now]
        if row >= _MOST_ROWS:
            hidden += 1
            continue
        is_rescue = (stint.job_id, stint.attempt) in rescued
        strokes.append(_stroke(stint, row, time, is_rescue=is_rescue))
    running = [stint.name for stint in stints if stint.outcome is None]
    slots = worker.concurrency if worker else 1
    return Lane(
        worker_id=worker_id,
        worker=worker,
        strokes=strokes,
        rows=min(_MOST_ROWS, max(len(free_at), slots)),
        hidden=hidden,
        gap=_silent_since(worker, time),
        running=[(name, running.count(name)) for name in dict.fromkeys(running)],
        busy=len(running),
    )


def _silent_since(worker: WorkerInfo | None, time: _Time) -> float | None:
    if worker is None:
        return None
    silent = timedelta(seconds=worker.lease_s or _LEASE_S)
    is_silent = time.now - worker.seen_at > silent
    return time.percent(worker.seen_at) if is_silent else None


def _stroke(stint: Stint, row: int, time: _Time, *, is_rescue: bool) -> Stroke:
    ended = stint.ended_at or time.now
    kind, sign, how = _end(stint)
    left, right = time.percent(stint.claimed_at), time.percent(ended)
    length = words.span(ended - stint.claimed_at)
    which = f", attempt {stint.attempt}" if stint.attempt > 1 else ""
    rescue = ", rescued from a worker that was lost" if is_rescue else ""
    return Stroke(
        job_id=stint.job_id,
        x=left,
        width=max(_LEAST, round(right - left, 2)),
        row=row,
        kind=kind,
        sign=sign,
        text=f"{stint.name}{which}: {how}{rescue}, {length}",
        is_rescue=is_rescue,
    )
