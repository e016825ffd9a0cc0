"""Parameters and results are what their annotations say, whoever submits."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from http_api.server import serving
from interlock import Engine, JobFailed, JobStatus, Reason
from interlock.testing.inline import inline_engine
from interlock_adapters.http import create_app
from interlock_adapters.http.client import AsyncClient, Client
from pace import deadline

from . import typed_jobs as jobs

PLAIN = """
import sys
from interlock import Engine, job

@job
def loaded() -> list[str]:
    return sorted({name.partition(".")[0] for name in sys.modules} & set(%r))

if __name__ == "__main__":
    with Engine.open("sqlite:///jobs.db") as engine, engine.worker(concurrency=1):
        print(engine.submit(loaded).result(30))
"""


def test_a_job_gets_and_returns_one_of_each_kind(working: Engine) -> None:
    handle = working.submit(jobs.everything, **jobs.VALUES)
    assert handle.result(deadline(30)) == jobs.returned()
    assert handle.job().params == jobs.STORED
    again = working.rerun(handle.id)
    assert again.result(deadline(30)) == jobs.returned()
    assert again.job().params == jobs.STORED
    assert (
        working.submit("typed.everything", jobs.STORED).result(deadline(30))
        == handle.result()
    )


def test_it_is_the_same_over_http(working: Engine) -> None:
    async def awaited(url: str) -> None:
        async with AsyncClient(url) as client:
            handle = await client.submit(jobs.everything, **jobs.VALUES)
            assert await handle.result(timeout=deadline(30)) == jobs.returned()

    with serving(create_app(working)) as url:
        with Client(url) as client:
            handle = client.submit(jobs.everything, **jobs.VALUES)
            assert handle.result(timeout=deadline(30)) == jobs.returned()
            assert handle.job().params == jobs.STORED
            by_name = client.submit("typed.everything", jobs.VALUES)
            assert by_name.result(timeout=deadline(30)) == jobs.returned()
            call = jobs.everything.call(**jobs.VALUES)
            (one, two) = client.submit_many([call, ("typed.everything", jobs.STORED)])
            assert (
                one.result(timeout=deadline(30))
                == two.result(timeout=deadline(30))
                == jobs.returned()
            )
        asyncio.run(awaited(url))


def test_it_is_the_same_on_the_command_line(working: Engine, home: Path) -> None:
    texts = [
        f"{name}={value if isinstance(value, str) else json.dumps(value)}"
        for name, value in jobs.STORED.items()
    ]
    for params, stdin in ((texts, ""), (["-"], json.dumps(jobs.STORED))):
        command = [sys.executable, "-m", "interlock_adapters.cli.main", "submit"]
        command += ["typed.everything", *params, "--wait", "--json"]
        command += ["--module", "e2e.typed_jobs"]
        done = subprocess.run(
            [*command, "--database", f"sqlite:///{home}/jobs.db"],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=deadline(60),
            check=False,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["params"] == jobs.STORED
        job_id = done.stderr.split()[0]
        assert working.result(job_id) == jobs.returned()


def test_it_is_the_same_in_one_process() -> None:
    with inline_engine() as engine:
        handle = engine.submit(jobs.everything, **jobs.VALUES)
        assert handle.result(0) == jobs.returned()
        assert handle.job().params == jobs.STORED


def test_what_a_result_must_be_is_said_and_it_is_not_tried_again(
    working: Engine,
) -> None:
    job = working.submit(jobs.wrong, "type").wait(deadline(30))
    assert (job.status, job.reason, job.attempt) == (
        JobStatus.FAILED,
        Reason.BAD_RESULT,
        1,
    )
    assert job.error is not None
    assert job.error.message == (
        "the job returned a list, which does not fit its annotation "
        "`tuple[datetime.date, int]`: 0: input should be a valid date"
    )
    with inline_engine() as near:
        handle = near.submit(jobs.wrong, "type")
        assert handle.job().error == job.error
        with pytest.raises(JobFailed, match="bad_result"):
            handle.result(0)
    with pytest.raises(JobFailed, match="returned a NoneType"):
        working.submit(jobs.wrong, "none").result(deadline(30))
    right = working.submit(jobs.wrong, "json")
    assert right.result(deadline(30)) == (jobs.VALUES["day"], 2)
    assert right.job().result == ["2026-01-01", 2]


def test_named_arguments_of_any_name_have_a_type_too(working: Engine) -> None:
    span = jobs.VALUES["span"]
    handle = working.submit(jobs.rest, a=span, b="PT1S")  # type: ignore[call-overload]  # as JSON
    assert handle.result(deadline(30))["a"] == span * 2


def test_a_job_of_plain_json_has_no_pydantic(tmp_path: Path) -> None:
    names = ["pydantic", "pydantic_core", "sqlmodel", "sqlalchemy", "fastapi"]
    (tmp_path / "plain.py").write_text(PLAIN % names)
    done = subprocess.run(
        [sys.executable, "plain.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=deadline(50),
        check=True,
    )
    assert done.stdout.strip() == "[]"
