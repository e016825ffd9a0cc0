"""What is secret leaves nowhere, and cannot be guessed."""

from __future__ import annotations

import httpx
import pytest

from interlock import Engine, Schedule
from interlock.jobs import registry

from .test_jobs import problem


def test_secrets_do_not_leave(api: httpx.Client, engine: Engine) -> None:
    secret = engine.submit("t.secret", {"password": "hunter2x"})
    metadata = {"team": "a", "deep": [{"api_key": "k-998877"}]}
    looks = engine.submit("t.add", {"left": 1}, metadata=metadata)
    engine.cancel(secret.id, reason="hunter2x leaked")
    answers = [api.get("/v1/jobs"), api.post("/v1/jobs/search", json={})]
    answers += [api.get(f"/v1/jobs/{handle.id}") for handle in (secret, looks)]
    for answer in answers:
        assert answer.status_code == 200
        assert "hunter2x" not in answer.text
        assert "k-998877" not in answer.text
    job = api.get(f"/v1/jobs/{secret.id}").json()
    assert (job["params"], job["cancel_reason"]) == ({"password": "***"}, "*** leaked")
    job = api.get(f"/v1/jobs/{looks.id}").json()
    assert job["metadata"] == {"team": "a", "deep": [{"api_key": "***"}]}


def test_a_declared_secret_is_hidden_though_its_name_looks_like_none(
    api: httpx.Client, engine: Engine
) -> None:
    job_id = engine.submit("http.pin", {"pin": "271828", "account": "a"}).id
    engine.cancel(job_id, reason="271828")
    for path in ("", "/history", "/events"):
        answer = api.get(f"/v1/jobs/{job_id}{path}")
        assert answer.status_code == 200
        assert "271828" not in answer.text
    params = api.get(f"/v1/jobs/{job_id}").json()["params"]
    assert params == {"pin": "***", "account": "a"}
    search = {"params": {"pin": "271828"}}
    problem(api.post("/v1/jobs/search", json=search), 422, "secret-parameter")


def test_a_job_remembers_its_secrets_where_its_code_is_not(
    api: httpx.Client, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = engine.submit("http.pin", {"pin": "271828", "account": "a"}).id
    engine.cancel(job_id, reason="271828")
    daily = Schedule(cron="0 2 * * *")
    engine.schedules.create(
        "pins", "http.pin", {"pin": "271828", "account": "b"}, schedule=daily
    )
    ticked = engine.schedules.trigger("pins").id
    again = engine.rerun(job_id).id
    monkeypatch.delitem(registry._registered, "http.pin")
    for path in (f"jobs/{job_id}", f"jobs/{again}", f"jobs/{ticked}", "schedules/pins"):
        answer = api.get(f"/v1/{path}")
        assert answer.status_code == 200
        assert '"account"' in answer.text
        assert "271828" not in answer.text


def test_secrets_cannot_be_guessed_by_searching(api: httpx.Client) -> None:
    for params in (
        {"password": "hunter2"},
        {"deep": {"api_key": "k"}},
        {"list": [{"AuthToken": "k"}]},
    ):
        answer = api.post("/v1/jobs/search", json={"params": params})
        problem(answer, 422, "secret-parameter")
