"""`/metrics` for Prometheus: gauges, counters and histograms."""

import asyncio
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from fastapi import APIRouter
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from starlette.responses import Response

from interlock.core.records import QueueInfo, Totals, WorkerInfo
from interlock_adapters.http.dependencies import Api, refusals
from interlock_adapters.http.routes.metrics_collector import MetricsCollector

_PAGE: Final = 1000
#: Fields of `QueueInfo`.
_QUEUE_GAUGES: Final = {
    "pending": "Jobs of a queue that wait: ready, scheduled and retrying",
    "ready": "Jobs that could run now: the backlog of a queue",
    "scheduled": "Jobs whose first start is later",
    "retrying": "Jobs that wait for their next attempt",
    "running": "Jobs of a queue that run",
    "paused": "1 while no job of it is claimed",
}


class Metrics:
    """Reads gauges at each request; counters continue from the last request."""

    def __init__(self, api: Api) -> None:
        self._engine = api.engine
        self._registry = CollectorRegistry()
        self._meter = MetricsCollector(self._registry)
        self._one_at_a_time = asyncio.Lock()

    def add_to(self, router: APIRouter) -> None:
        """Add the route."""
        text = {"content": {"text/plain": {"schema": {"type": "string"}}}}
        router.add_api_route(
            "/metrics",
            self.get_metrics,
            methods=["GET"],
            response_class=_Text,
            responses={200: {"description": "Prometheus text", **text}, **refusals()},
            tags=["operations"],
        )

    async def get_metrics(self) -> Response:
        """Return all metrics in the text format of Prometheus."""
        async with self._one_at_a_time:
            await self._read_on()
            census = await self._engine.monitor.totals()
            queues, workers = await self._engine.queues(), await self._engine.workers()
            now = Gauges(census, queues, workers, datetime.now(UTC))
            text = generate_latest(self._registry) + generate_latest(now.registry())
        return Response(text, media_type=CONTENT_TYPE_LATEST)

    async def _read_on(self) -> None:
        """Count the events since the last request; at the first request, none."""
        if self._meter.place is None:
            self._meter.place = await self._engine.monitor.feed_end()
        while page := await self._engine.monitor.feed(self._meter.place, limit=_PAGE):
            for place, entry in page:
                self._meter.take(entry)
                self._meter.place = place


class Gauges(Collector):
    """What is measured at a request."""

    def __init__(
        self,
        census: Totals,
        queues: list[QueueInfo],
        workers: list[WorkerInfo],
        now: datetime,
    ) -> None:
        self._census = census
        self._queues = queues
        self._workers = workers
        self._now = now

    def registry(self) -> CollectorRegistry:
        """Return a registry with only these."""
        registry = CollectorRegistry()
        registry.register(self)
        return registry

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield each gauge."""
        census = self._census
        yield _gauge(
            "jobs",
            "Jobs in the store",
            ("name", "status"),
            {(name, status.value): n for (name, status), n in census.jobs.items()},
        )
        yield _gauge(
            "rejected_events",
            "Refused events that are kept in the store",
            ("event",),
            {(event.value,): n for event, n in census.rejections.items()},
        )
        if census.lease_slack_s is not None:
            text = "Seconds until the first lease of a running job ends"
            yield _gauge("lease_slack_seconds", text, (), {(): census.lease_slack_s})
        yield from self._of_queues()
        slots = float(sum(worker.concurrency for worker in self._workers))
        yield _gauge("worker_slots", "Jobs that can run at once", (), {(): slots})
        yield _gauge(
            "worker_heartbeat_age_seconds",
            "Seconds since a worker's last heartbeat",
            ("worker",),
            {(w.id,): (self._now - w.seen_at).total_seconds() for w in self._workers},
        )

    def _of_queues(self) -> Iterator[GaugeMetricFamily]:
        label = ("queue",)
        queues = self._queues
        for field, text in _QUEUE_GAUGES.items():
            values = {(queue.name,): float(getattr(queue, field)) for queue in queues}
            yield _gauge(f"queue_{field}", text, label, values)
        oldest = {
            (queue.name,): (self._now - queue.oldest_ready_at).total_seconds()
            for queue in queues
            if queue.oldest_ready_at is not None
        }
        text = "Seconds since the first of the ready jobs could run"
        yield _gauge("queue_oldest_seconds", text, label, oldest)


def _gauge(
    name: str,
    text: str,
    labels: tuple[str, ...],
    values: Mapping[Any, float],  # by the labels' values, a tuple of texts
) -> GaugeMetricFamily:
    family = GaugeMetricFamily(f"interlock_{name}", text, labels=labels)
    for label, value in values.items():
        family.add_metric(label, value)
    return family


class _Text(Response):
    media_type = "text/plain"
