"""What Prometheus reads is what happened."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from e2e import sample_jobs as jobs
from interlock import Engine, IllegalTransition
from interlock_adapters.http.client import Client
from pace import deadline


def _samples(api: httpx.Client) -> dict[tuple[str, ...], float]:
    answer = api.get("/metrics")
    assert answer.status_code == 200
    return {
        (sample.name, *(v for k, v in sorted(sample.labels.items()) if k != "le")): (
            sample.value
        )
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
        if "_bucket" not in sample.name and "_created" not in sample.name
    }


def test_counters_go_on_from_the_first_look(api: httpx.Client, engine: Engine) -> None:
    engine.submit(jobs.add, 1)
    first = _samples(api)
    assert first["interlock_events_total", "submit"] == 0
    with engine.worker(concurrency=2):
        engine.submit(jobs.add, 1).wait(deadline(20))
        flaky = engine.submit(jobs.flaky, 2)
        assert flaky.result(deadline(20)) is not None
    last = _samples(api)
    assert last["interlock_events_total", "submit"] == 2
    assert last["interlock_events_total", "succeed"] == 3
    assert last["interlock_retries_total",] == 2
    assert last["interlock_rescues_total",] == 0
    assert last["interlock_run_seconds_count",] == 5
    assert last["interlock_wait_seconds_count",] == 4


def test_gauges_tell_what_there_is(api: httpx.Client, engine: Engine) -> None:
    with engine.worker(concurrency=2):
        engine.submit(jobs.add, 1).wait(deadline(20))
    handle = engine.submit(jobs.add.options(queue="slow"), 1)
    engine.pause("slow")
    done = engine.submit(jobs.add, 1)
    done.cancel()
    with pytest.raises(IllegalTransition):
        engine.cancel(engine.search(statuses=["SUCCEEDED"]).items[0].id)
    samples = _samples(api)
    assert samples["interlock_jobs", "t.add", "PENDING"] == 1
    assert samples["interlock_jobs", "t.add", "SUCCEEDED"] == 1
    assert samples["interlock_jobs", "t.add", "CANCELED"] == 1
    assert samples["interlock_rejected_events", "cancel"] >= 1
    assert samples["interlock_queue_pending", "slow"] == 1
    assert samples["interlock_queue_ready", "slow"] == 1
    assert samples["interlock_queue_paused", "slow"] == 1
    assert samples["interlock_queue_oldest_seconds", "slow"] >= 0
    assert samples["interlock_worker_slots",] == 0
    assert handle.job().queue == "slow"


def test_a_stop_is_measured_to_the_proof_of_death(
    api: httpx.Client, engine: Engine
) -> None:
    _samples(api)
    with engine.worker(concurrency=1):
        handle = engine.submit(jobs.journal, "/dev/null", 60)
        while not engine.attempts(handle.id):
            handle.job()
        assert _samples(api)["interlock_lease_slack_seconds",] > 0
        engine.cancel(handle.id, wait=deadline(20))
    assert _samples(api)["interlock_kill_seconds_count",] == 1


def test_what_waits_for_its_time_is_no_backlog(
    api: httpx.Client, engine: Engine
) -> None:
    later = datetime.now(UTC) + timedelta(days=1)
    engine.submit(jobs.add.options(queue="q", run_at=later), 1)
    samples = _samples(api)
    names = ("pending", "ready", "scheduled", "retrying")
    values = [samples[f"interlock_queue_{name}", "q"] for name in names]
    assert values == [1, 0, 1, 0]
    assert ("interlock_queue_oldest_seconds", "q") not in samples
    earlier = datetime.now(UTC) - timedelta(hours=1)
    engine.submit(jobs.add.options(queue="late", run_at=earlier), 1)
    assert _samples(api)["interlock_queue_oldest_seconds", "late"] >= 3600
    (_, queue) = api.get("/v1/queues").json()["items"]
    assert [queue[name] for name in names] == [1, 0, 1, 0]
    with Client(str(api.base_url)) as client:
        assert client.queues() == engine.queues()
