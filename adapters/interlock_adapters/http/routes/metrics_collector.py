"""Counters and histograms, computed from the history of all jobs."""

from collections import OrderedDict
from datetime import datetime
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram

from interlock.core.job import HistoryEntry
from interlock.core.lifecycle import INITIAL, SUBMIT, Event, row_of
from interlock.core.records import FeedPosition

_MOST: Final = 100_000  # jobs whose last step is remembered; beyond it, the oldest go
_SECONDS: Final = (
    *(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
    *(60, 120, 300, 600, 1800, 3600, 7200),
)
_RUNNING: Final = row_of(Event.CLAIM).target
_RETRIES: Final = frozenset({Event.RETRY})
_RESCUES: Final = frozenset(
    {Event.RESCUE, Event.GIVE_UP, Event.TIME_OUT_LOST, Event.CANCEL_LOST}
)


class MetricsCollector:
    """Counts the events since the first request; counters begin at zero."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.place: FeedPosition | None = None
        self._since: OrderedDict[str, datetime] = OrderedDict()  # in its status
        self._stopped: OrderedDict[str, datetime] = OrderedDict()
        self._events = Counter(
            "interlock_events", "Events of jobs", ["event"], registry=registry
        )
        self._retries = Counter(
            "interlock_retries",
            "Attempts that failed and are repeated",
            registry=registry,
        )
        self._rescues = Counter(
            "interlock_rescues", "Attempts that were lost", registry=registry
        )
        for event in (SUBMIT, *(e for e in Event if e is not Event.RENEW)):
            self._events.labels(event)
        self._wait, self._run, self._kill = (
            Histogram(
                f"interlock_{name}_seconds", text, buckets=_SECONDS, registry=registry
            )
            for name, text in (
                ("wait", "From submit, or the last attempt, to the claim: delays too"),
                ("run", "From the claim of an attempt to its end"),
                ("kill", "From the decision to stop a job to the proof of its death"),
            )
        )

    def take(self, entry: HistoryEntry) -> None:
        """Count one entry."""
        self._events.labels(entry.event).inc()
        if entry.event in _RETRIES:
            self._retries.inc()
        if entry.event in _RESCUES:
            self._rescues.inc()
        if entry.event == Event.STOP:
            _remember(self._stopped, entry)
        if entry.source is not entry.target:
            self._moved(entry)

    def _moved(self, entry: HistoryEntry) -> None:
        since = self._since.pop(entry.job_id, None)
        stopped = self._stopped.pop(entry.job_id, None)
        if entry.target is _RUNNING and since is not None:
            self._wait.observe(max(0.0, (entry.at - since).total_seconds()))
        if entry.source is _RUNNING and since is not None:
            self._run.observe(max(0.0, (entry.at - since).total_seconds()))
        if stopped is not None:
            self._kill.observe(max(0.0, (entry.at - stopped).total_seconds()))
        if entry.target in {INITIAL, _RUNNING}:
            _remember(self._since, entry)


def _remember(moments: OrderedDict[str, datetime], entry: HistoryEntry) -> None:
    moments[entry.job_id] = entry.at
    if len(moments) > _MOST:
        moments.popitem(last=False)
