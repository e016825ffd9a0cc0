"""The dashboard and the alert rules ask for metrics that exist."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from interlock.core.lifecycle import Event, JobStatus
from interlock.core.records import QueueInfo, Totals
from interlock_adapters.http.routes.metrics import Gauges
from interlock_adapters.http.routes.metrics_collector import MetricsCollector

FOLDER = Path(__file__).parents[2] / "docs" / "monitoring"


def _known() -> set[str]:
    registry = CollectorRegistry()
    MetricsCollector(registry)
    now = datetime.now(UTC)
    census = Totals(
        jobs={("n", next(iter(JobStatus))): 1},
        rejections={Event.CANCEL: 1},
        lease_slack_s=1.0,
    )
    queue = QueueInfo(
        name="q",
        paused=False,
        pending=1,
        running=0,
        oldest_pending_at=now,
        ready=1,
        scheduled=0,
        retrying=0,
        oldest_ready_at=now,
    )
    gauges = Gauges(census, [queue], [], now).registry()
    names = {f.name for part in (registry, gauges) for f in part.collect()}
    return {name + end for name in names for end in ("", "_total", "_bucket")}


@pytest.mark.parametrize("name", ["alerts.yml", "grafana.json"])
def test_every_metric_that_is_asked_for_exists(name: str) -> None:
    text = (FOLDER / name).read_text()
    names = set(re.findall(r"\binterlock_\w+", text))
    assert len(names) > 5
    assert names <= _known()


def test_the_dashboard_is_json_with_a_panel_for_each_question() -> None:
    board = json.loads((FOLDER / "grafana.json").read_text())
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"]) >= 10


def test_no_alert_takes_jobs_that_wait_for_their_time_for_backlog() -> None:
    rules = (FOLDER / "alerts.yml").read_text()
    assert "interlock_queue_ready" in rules
    assert not re.findall(r"interlock_queue_(?:pending|scheduled|retrying)", rules)
