"""The overview: what needs somebody, counts, the machine, charts, workers."""

import asyncio
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final
from urllib.parse import quote

from fastapi import Query
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response

from interlock.api.aio import AsyncEngine
from interlock.api.holds import shown
from interlock.core.causes import Cause
from interlock.core.job import HistoryEntry
from interlock.core.records import EndedJob, QueueInfo, WorkerInfo
from interlock.jobs.published import live
from interlock_adapters.http.dashboard import render, words
from interlock_adapters.http.dashboard.charts import WINDOWS, charts
from interlock_adapters.http.dashboard.lanes import SPAN, lanes
from interlock_adapters.http.dashboard.machine import Pair
from interlock_adapters.http.dashboard.verdict import when
from interlock_adapters.http.prefix import root_of

ENDINGS: Final = 20_000  # newest ended jobs that are counted
_RECENT: Final = 3000  # events from which rates are counted, and attempts drawn
_EVENTS: Final = 12
_MOST: Final = 50  # limits, and holds
_CAUSES: Final = 200  # newest failed jobs, for what needs somebody
_ALERTS: Final = 4  # of a kind
_MINUTE: Final = timedelta(minutes=1)
_LONG: Final = timedelta(minutes=1)  # a wait that somebody should know of
_FRESH: Final = timedelta(days=1)  # failures that need somebody


@dataclass(frozen=True, slots=True)
class Alert:
    """Something that needs somebody: its sign, and the sentence."""

    sign: str
    kind: str
    text: Markup


class OverviewPage:
    """`/`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def show(
        self, request: Request, window: Annotated[str, Query(max_length=9)] = "1h"
    ) -> Response:
        """Show the overview."""
        now, engine = datetime.now(UTC), self._engine
        chosen = WINDOWS.get(window, WINDOWS["1h"])
        counts, queues, workers, recent, endings, stints = await asyncio.gather(
            engine.counts(),
            engine.queues(),
            engine.workers(),
            engine.monitor.recent(_RECENT),
            engine.monitor.ended_jobs(now - chosen.span, ENDINGS),
            engine.monitor.stints(now - SPAN, _RECENT),
        )
        limits, holds, causes = await asyncio.gather(
            engine.limits.list(), engine.holds(), engine.failures.list(_CAUSES)
        )
        drawn = charts(endings, chosen, now=now)
        return render.page(
            request,
            "overview.html",
            now=now,
            chosen=chosen,
            counts={**counts, **drawn.totals},
            ended_all=counts,
            alerts=list(_alerts(root_of(request.scope), causes, queues, workers, now)),
            rates=per_minute(recent, now),
            charts=drawn,
            is_cut=len(endings) == ENDINGS,
            since=endings[-1].finished_at if endings else now,
            queues=queues,
            ended_by_queue=_by_queue(endings, now),
            slots=sum(worker.concurrency for worker in live(workers, now)),
            oldest=min(
                (q.oldest_ready_at for q in queues if q.oldest_ready_at), default=None
            ),
            oldest_in=_oldest_in(queues),
            lanes=lanes(workers, stints, now=now, span=_known(recent, now)),
            limits=limits[:_MOST],
            more_limits=len(limits[_MOST:]),
            holds=await asyncio.to_thread(shown, holds[:_MOST], engine.sync.get),
            more_holds=len(holds[_MOST:]),
            events=recent[:_EVENTS],
        )


def _alerts(
    root: str,
    causes: Sequence[Cause],
    queues: Sequence[QueueInfo],
    workers: Sequence[WorkerInfo],
    now: datetime,
) -> Iterator[Alert]:
    fresh = [
        cause
        for cause in causes
        if cause.open and not cause.acknowledged and now - cause.last_at < _FRESH
    ]
    for cause in fresh[:_ALERTS]:
        sign = cause.status.lower()
        link = Markup('<a href="{}/failures?cause={}">{} {}</a>').format(
            root, cause.key, len(cause.open), cause.name
        )
        text = Markup("{} failed with <code>{}</code>, the last one {}").format(
            link, words.kind_of(cause), when(cause.last_at, now)
        )
        yield Alert(sign, sign, text)
    for queue in queues:
        link = Markup('<a href="{}/queues/{}">{}</a>').format(
            root, quote(queue.name, safe=""), queue.name
        )
        if queue.paused and queue.pending:
            text = Markup("queue {} is paused, {} wait").format(link, queue.pending)
            yield Alert("scheduled", "pending", text)
        elif queue.oldest_ready_at and now - queue.oldest_ready_at > _LONG:
            text = Markup("queue {}: {} ready, the oldest waits {}").format(
                link, queue.ready, words.span(now - queue.oldest_ready_at)
            )
            yield Alert("pending", "pending", text)
    for worker in workers:
        if worker.trouble:
            text = Markup("worker <code>{}</code>: {}").format(
                worker.id, worker.trouble
            )
            yield Alert("failed", "failed", text)
    if not live(workers, now) and any(queue.ready for queue in queues):
        text = Markup("no worker runs: <code>interlock worker MODULE</code>")
        yield Alert("failed", "failed", text)


def _known(recent: Sequence[HistoryEntry], now: datetime) -> timedelta:
    """Return how far back the events go that were read: half an hour at most."""
    if len(recent) < _RECENT:
        return SPAN
    return min(SPAN, max(now - recent[-1].at, timedelta(seconds=1)))


def _by_queue(endings: Sequence[EndedJob], now: datetime) -> Mapping[str, int]:
    fresh = [ending for ending in endings if ending.finished_at > now - _MINUTE]
    return Counter(ending.queue for ending in fresh)


def _oldest_in(queues: Sequence[QueueInfo]) -> str:
    ready = [queue for queue in queues if queue.oldest_ready_at is not None]
    oldest = min(ready, key=lambda queue: str(queue.oldest_ready_at), default=None)
    return "" if oldest is None else oldest.name


def per_minute(recent: list[HistoryEntry], now: datetime) -> Mapping[Pair, float]:
    """Return the transitions per minute along each track, from the newest events."""
    fresh = [entry for entry in recent if entry.at > now - _MINUTE]
    moves = Counter(
        (entry.source, entry.target)
        for entry in fresh
        if entry.source is not None and entry.source is not entry.target
    )
    if len(fresh) < _RECENT:
        return moves
    seconds = max((now - fresh[-1].at).total_seconds(), 0.001)
    return {pair: round(count * 60 / seconds, 1) for pair, count in moves.items()}
