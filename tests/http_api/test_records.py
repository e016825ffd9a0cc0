"""What is known of a job, and what operators look at, of jobs that really ran."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from interlock import Engine, JobStatus
from interlock.core.lifecycle import TABLE
from interlock_adapters.diagrams import mermaid
from interlock_adapters.http import Settings, create_app
from pace import deadline

from .server import client_of
from .test_jobs import problem, submit


@pytest.fixture
def working(api: httpx.Client, engine: Engine) -> Iterator[httpx.Client]:
    with engine.worker(concurrency=2):
        yield api


def end_of(api: httpx.Client, job_id: str) -> dict[str, object]:
    answer = api.get(f"/v1/jobs/{job_id}", params={"wait": 20})
    assert answer.status_code == 200
    return dict(answer.json())


def test_a_result_is_there_when_the_job_has_ended(working: httpx.Client) -> None:
    job = submit(working, left=2, right=3)
    path = f"/v1/jobs/{job['id']}/result"
    assert working.get(path, params={"wait": 20}).json() == {"result": 5}
    failed = submit(working, "t.fail", how="error")
    answer = working.get(f"/v1/jobs/{failed['id']}/result", params={"wait": 20})
    body = problem(answer, 409, "no-result")
    assert (body["job_status"], body["reason"]) == ("FAILED", "error")
    assert "boom" in body["error"]["traceback"]


def test_the_records_of_a_job_are_those_of_the_engine(
    working: httpx.Client, engine: Engine
) -> None:
    job = submit(working, "t.talk", lines=2)
    end_of(working, job["id"])
    path = f"/v1/jobs/{job['id']}"
    history = working.get(f"{path}/history").json()["items"]
    assert [(e["seq"], e["event"]) for e in history] == [
        (1, "submit"),
        (2, "claim"),
        (3, "succeed"),
    ]
    (attempt,) = working.get(f"{path}/attempts").json()["items"]
    assert (attempt["attempt"], attempt["outcome"]) == (1, "succeed")
    assert attempt["exit"] == {"code": 0, "signal": None}
    lines = working.get(f"{path}/log").json()
    assert [x["text"] for x in lines["items"]] == [
        x.text for x in engine.log(job["id"])
    ]
    assert "SUCCEEDED" in working.get(f"{path}/explain").json()["explanation"]
    working.post(f"{path}/cancel")
    (refused,) = working.get(f"{path}/rejections").json()["items"]
    assert (refused["event"], refused["status"]) == ("cancel", "SUCCEEDED")


def test_a_log_is_read_in_pages_or_from_its_tail(working: httpx.Client) -> None:
    job = submit(working, "t.talk", lines=5)
    end_of(working, job["id"])
    path = f"/v1/jobs/{job['id']}/log"
    whole = [x["text"] for x in working.get(path).json()["items"]]
    lines, after = [], "0"
    while after is not None:
        page = working.get(path, params={"limit": 2, "after": after}).json()
        lines += [x["text"] for x in page["items"]]
        after = page["next_cursor"]
    assert len(whole) == 11
    assert lines == whole
    tail = working.get(path, params={"tail": 3}).json()
    assert [x["text"] for x in tail["items"]] == whole[-3:]
    assert (tail["has_earlier"], tail["next_cursor"]) == (True, None)
    for query in ({"limit": 11}, {"tail": 11}, {"tail": 10_000}):
        page = working.get(path, params=query).json()
        assert [x["text"] for x in page["items"]] == whole
        assert (page["has_earlier"], page["next_cursor"]) == (False, None)


def test_secrets_are_hidden_in_logs_errors_and_results(
    engine: Engine, api: httpx.Client
) -> None:
    with engine.worker(concurrency=1):
        leak = engine.submit("http.leak", {"api_token": "hunter2x", "how": "error"})
        returned = engine.submit(
            "http.leak", {"api_token": "hunter2x", "how": "return"}
        )
        for handle in (leak, returned):
            handle.wait(timeout=deadline(20))
    for handle in (leak, returned):
        for name in ("", "/history", "/attempts", "/log", "/result", "/rejections"):
            answer = api.get(f"/v1/jobs/{handle.id}{name}")
            assert "hunter2x" not in answer.text, name
        lines = api.get(f"/v1/jobs/{handle.id}/log").json()["items"]
        assert [line["text"] for line in lines] == ["the token is ***"]
        stream = api.get(f"/v1/jobs/{handle.id}/log", params={"follow": True})
        assert "hunter2x" not in stream.text
        assert "the token is ***" in stream.text
    assert api.get(f"/v1/jobs/{returned.id}").json()["result"] == {"seen": "***"}


def test_a_running_job_is_canceled_with_202_and_then_proved_dead(
    working: httpx.Client, tmp_path: Path
) -> None:
    job = submit(working, "t.hostile", kind="ignores SIGTERM", folder=str(tmp_path))
    path = f"/v1/jobs/{job['id']}"
    stream = working.stream("GET", f"{path}/events")
    with stream as events:
        lines = events.iter_lines()
        assert any('"claim"' in line for line in lines)
        answer = working.post(f"{path}/cancel", json={"reason": "enough"})
        assert answer.status_code == 202
        assert answer.json()["cancel_requested_at"] is not None
        done = working.post(f"{path}/cancel", params={"wait": 20})
        assert (done.status_code, done.json()["status"]) == (200, "CANCELED")
        assert any('"finish_cancel"' in line for line in lines)
        assert [line for line in lines if line] == []  # it ends by itself


def test_queues_are_paused_and_resumed(api: httpx.Client, engine: Engine) -> None:
    paused = api.post("/v1/queues/fast/pause")
    assert (paused.status_code, paused.json()["paused"]) == (200, True)
    submit(api)
    queues = {q["name"]: q for q in api.get("/v1/queues").json()["items"]}
    assert queues["fast"]["paused"] is True
    assert queues["default"]["pending"] == 1
    assert api.post("/v1/queues/fast/resume").json()["paused"] is False
    assert [q.paused for q in engine.queues()] == [False, False]


def test_the_lifecycle_is_the_table_and_its_picture(api: httpx.Client) -> None:
    lifecycle = api.get("/v1/lifecycle").json()
    assert lifecycle["mermaid"] == mermaid()
    rows = [(r["event"], r["source"], r["target"]) for r in lifecycle["transitions"]]
    assert rows == [(r.event, r.source, r.target) for r in TABLE]
    assert [s["status"] for s in lifecycle["statuses"]] == list(JobStatus)


def test_counts_and_workers_are_told(api: httpx.Client, engine: Engine) -> None:
    submit(api)
    assert api.get("/v1/counts").json() == {
        **dict.fromkeys(JobStatus, 0),
        JobStatus.PENDING: 1,
    }
    assert api.get("/v1/workers").json()["items"] == []
    with engine.worker(concurrency=3):
        submitted = submit(api)
        end_of(api, submitted["id"])
        (worker,) = api.get("/v1/workers").json()["items"]
        assert worker["concurrency"] == 3


def test_ready_means_store_schema_and_worker(engine: Engine) -> None:
    with client_of(create_app(engine)) as api:
        assert api.get("/healthz").json() == {"status": "alive"}
        assert api.get("/readyz").status_code == 503
        assert "none was seen" in api.get("/readyz").json()["worker"]
        with engine.worker(concurrency=1):
            end_of(api, submit(api)["id"])
            ready = api.get("/readyz")
            assert ready.status_code == 200
            assert ready.json() == {"status": "ready", "store": "ok", "worker": "ok"}
            with engine._store.database.engine.begin() as raw:  # type: ignore[attr-defined]  # the store's own connection, to break it
                raw.exec_driver_sql("DROP TRIGGER interlock_job_delete")
                raw.commit()
            broken = api.get("/readyz")
            assert broken.status_code == 503
            assert "schema" in broken.json()["store"]


def test_a_worker_that_is_silent_for_long_does_not_count(engine: Engine) -> None:
    settings = Settings(worker_recent=1e-9)
    app = create_app(engine, settings=settings)
    with client_of(app) as api, engine.worker(concurrency=1):
        end_of(api, submit(api)["id"])
        assert api.get("/readyz").status_code == 503


def test_a_long_poll_returns_the_job_as_it_is_when_the_time_is_over(
    api: httpx.Client,
) -> None:
    job = submit(api)
    answer = api.get(f"/v1/jobs/{job['id']}", params={"wait": 0.2})
    assert (answer.status_code, answer.json()["status"]) == (200, "PENDING")
    problem(api.get("/v1/jobs/nope", params={"wait": 1}), 404, "job-not-found")
    for wrong in ("-1", "nan", "inf", "x"):
        answer = api.get(f"/v1/jobs/{job['id']}", params={"wait": wrong})
        problem(answer, 422, "invalid-request")
