"""The document tells the truth: compared with the file, and tried against servers."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

import postgres
from interlock import Engine, Event, JobStatus
from interlock.core import errors
from interlock_adapters.http import Settings, create_app
from interlock_adapters.http import openapi as document
from interlock_adapters.http.schemas import problems
from interlock_adapters.http.schemas.responses import ProblemOut
from pace import THOROUGH, deadline

from .server import serving
from .test_jobs import submit

FILE = Path(__file__).parents[2] / "docs" / "openapi.json"
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
STREAMS = ("/v1/events", "/v1/jobs/{job_id}/events")


def test_the_checked_in_document_is_the_one_of_the_code() -> None:
    assert FILE.read_text() == document.text(), "run `make openapi`"


def test_every_request_body_has_an_example_that_is_accepted(api: httpx.Client) -> None:
    schemas = json.loads(FILE.read_text())["components"]["schemas"]
    shown = [
        schemas[n]["examples"][0] for n in ("SearchIn", "CancelIn", "BulkCancelIn")
    ]
    job_id = submit(api)["id"]
    paths = ("/v1/jobs/search", f"/v1/jobs/{job_id}/cancel", "/v1/jobs/cancel")
    for path, example in zip(paths, shown, strict=True):
        assert api.post(path, json=example).status_code == 200
    for path, name in (("/v1/limits/k", "LimitIn"), ("/v1/holds/queue:q", "HoldIn")):
        assert api.put(path, json=schemas[name]["examples"][0]).is_success
    for name in ("SubmitIn", "BatchIn", "JobOut"):
        assert schemas[name]["examples"]


def test_every_operation_has_a_short_name_of_its_own() -> None:
    paths = json.loads(FILE.read_text())["paths"]
    names = [each["operationId"] for path in paths.values() for each in path.values()]
    assert len(set(names)) == len(names) > 50
    assert [name for name in names if not re.fullmatch("[a-z]+(_[a-z]+)+", name)] == []


@pytest.mark.parametrize(
    "error",
    [
        errors.IllegalTransition(JobStatus.FAILED, Event.CLAIM, set(), job_id="j"),
        errors.VersionChanged(
            JobStatus.PENDING, Event.CANCEL, set(), job_id="j", versions=(2, 1)
        ),
        errors.JobNotFound("j"),
        errors.GroupNotFound("g"),
        errors.ScheduleNotFound("s"),
        errors.LimitReached("k", 2, 2, ["j"]),
        errors.InvalidParams("n", ["p"]),
        errors.UnknownJobName("n", ["m"]),
        errors.InvalidOption("o", 1, "2"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_every_member_of_a_problem_is_documented(error: errors.InterlockError) -> None:
    sent = problems.of(error).body
    assert set(sent) <= set(ProblemOut.model_fields)
    assert ProblemOut.model_validate(sent).type == sent["type"]


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Serve an engine that has a job of every status."""
    if request.param == "postgresql":
        with postgres.database() as database:
            yield from _served(database)
    else:
        yield from _served(f"sqlite:///{tmp_path}/jobs.db?synchronous=NORMAL")


def _served(database: str) -> Iterator[str]:
    bounds = Settings(max_wait=0.05, submits_per_s=1e6, heartbeat=0.05)
    with Engine.open(database) as engine:
        with engine.worker(concurrency=2):
            done = [engine.submit("t.add", {"left": 1}, metadata={"a": [1]})]
            done += [engine.submit("t.fail", {"how": "error"})]
            done += [engine.submit("t.talk", {"lines": 2})]
            for handle in done:
                handle.wait(timeout=deadline(20))
        engine.cancel(engine.submit("t.add", {"left": 1}).id, reason="r")
        engine.submit("t.secret", {"password": "hunter2x"})
        app = create_app(engine, settings=bounds)
        with serving(app) as served, engine.worker(concurrency=1):
            yield served
        assert engine.verify() == []


def _ids(url: str) -> list[str]:
    return [job["id"] for job in httpx.get(f"{url}/v1/jobs").json()["items"]]


def test_no_request_gets_an_error_or_an_answer_that_is_not_documented(
    url: str,
) -> None:
    """Requests by the schema and against it; streams without an end are left out."""
    schema = schemathesis.openapi.from_url(f"{url}/openapi.json")
    ids = st.sampled_from([*_ids(url), "nope", "\x00", "%00", "é"])
    tried: set[tuple[str, str]] = set()
    for result in schema.get_all_operations():
        assert isinstance(result, Ok)
        operation = result.ok()
        if operation.path in STREAMS:
            continue

        @settings(
            max_examples=12 if THOROUGH else 4,
            deadline=None,
            database=None,
            derandomize=True,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(
            case=st.one_of(
                operation.as_strategy(),
                operation.as_strategy(
                    generation_mode=schemathesis.GenerationMode.NEGATIVE
                ),
            ),
            job_id=ids,
        )
        def attack(case: Any, job_id: str) -> None:
            if "job_id" in case.path_parameters:
                case.path_parameters["job_id"] = job_id
            if "follow" in (case.query or {}):
                case.query.pop("follow")
            case.call_and_validate(checks=CHECKS, timeout=deadline(20))
            tried.add((case.method, case.path))

        attack()
    assert len(tried) > 20


def test_words_that_no_database_stores_are_refused(url: str) -> None:
    with httpx.Client(base_url=url) as api:
        bad = "\x00"
        for path in (
            "/v1/jobs/%00",
            "/v1/jobs/%00/history",
            "/v1/jobs/%00/log",
            "/v1/jobs/%ff",
        ):
            assert api.get(path).status_code == 404
        for name in ("name", "queue", "submitted_by", "cursor"):
            assert api.get("/v1/jobs", params={name: bad}).status_code == 422
        assert api.post("/v1/queues/%00/pause").status_code == 422
        for body in (
            {"name": bad},
            {"params": {"a": bad}},
            {"params": {bad: 1}},
            {"params": {"a": "\ud800"}},
            {"submitted_by": "\ud800"},
        ):
            answer = api.post(
                "/v1/jobs/search",
                content=json.dumps(body),
                headers={"Content-Type": "application/json"},
            )
            assert answer.status_code == 422, (body, answer.text)
        for params in ({"a": float("1e308") * 10}, {"a": 10**400}):
            text = json.dumps({"params": params}).replace("Infinity", "1e999")
            answer = api.post(
                "/v1/jobs/search",
                content=text,
                headers={"Content-Type": "application/json"},
            )
            assert answer.status_code in {200, 422}, answer.text
        path = f"/v1/jobs/{_ids(url)[0]}/cancel"
        for word in ("reason", "by"):
            for value in (bad, "\ud800", "x" * 3000):
                text = json.dumps({word: value})
                answer = api.post(
                    path, content=text, headers={"Content-Type": "application/json"}
                )
                assert answer.status_code == 422, (word, value)
        answer = api.get("/v1/jobs/nope", headers=[(b"X-Actor", b"\xe9")])
        assert answer.status_code == 404
        answer = api.post(path, headers={"X-Actor": "x" * 3000})
        assert answer.status_code == 422
