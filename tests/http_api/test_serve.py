"""`interlock serve` and `--server`, as processes of their own."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from interlock import Engine
from interlock_adapters.http.client import Client

PROGRAM = [sys.executable, "-m", "interlock_adapters.cli.main"]


def environment(**more: str) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith("INTERLOCK_")}
    return {**kept, "PYTHONPATH": str(Path(__file__).parents[1]), **more}


@contextmanager
def served(folder: Path, *options: str) -> Iterator[tuple[str, Any]]:
    """Run `interlock serve`; yield its URL and its process; stop it gracefully."""
    database = ("--database", f"sqlite:///{folder}/jobs.db", "--port", "0")
    process = subprocess.Popen(
        [*PROGRAM, "serve", "e2e.sample_jobs", *database, *options],
        cwd=folder,
        env=environment(),
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    try:
        said = ""
        while not (found := re.search(r"serving on (http\S+)", said)):
            line = process.stderr.readline()
            assert line, said
            said += line
        yield found[1], process
    finally:
        process.terminate()
        _, rest = process.communicate(timeout=30)
        assert process.returncode == 0, said + rest


def run(
    folder: Path, *words: str, code: int = 0, env: dict[str, str] | None = None
) -> str:
    done = subprocess.run(
        [*PROGRAM, *words],
        cwd=folder,
        env=environment(**(env or {})),
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout


def test_commands_work_through_a_server_as_on_the_database(tmp_path: Path) -> None:
    with served(tmp_path, "--with-worker", "--concurrency", "2") as (url, _):
        far = ("--server", url)
        done = run(tmp_path, "submit", "t.talk", "lines=1", "--wait", "--json", *far)
        job = json.loads(done)
        assert job["status"] == "SUCCEEDED"
        job_id = job["id"]
        env = {"INTERLOCK_SERVER": url}
        assert job_id in run(tmp_path, "list", "--name", "t.talk", "--json", env=env)
        assert "SUCCEEDED" in run(tmp_path, "show", job_id, env=env)
        assert "line 0" in run(tmp_path, "log", job_id, "-f", *far)
        events = run(tmp_path, "history", job_id, "--json", *far).splitlines()
        assert [json.loads(e)["event"] for e in events] == [
            "submit",
            "claim",
            "succeed",
        ]
        run(tmp_path, "cancel", job_id, code=4, env=env)
        refused = run(tmp_path, "history", job_id, "--rejected", "--json", *far)
        assert json.loads(refused)["event"] == "cancel"
        again = run(tmp_path, "rerun", job_id, "--wait", "--json", *far)
        assert json.loads(again)["rerun_of"] == job_id
        assert json.loads(run(tmp_path, "counts", "--json", *far))["SUCCEEDED"] == 2
        run(tmp_path, "pause", "slow", *far)
        run(tmp_path, "resume", "slow", *far)
        assert "slow" in run(tmp_path, "queues", *far)
        assert len(run(tmp_path, "workers", "--json", *far).splitlines()) == 1
        run(tmp_path, "show", "nope", code=3, env=env)
        run(tmp_path, "submit", "t.add", code=2, env=env)
        run(tmp_path, "wait", "nope", *far, code=3)
        both = ("--database", "sqlite:///x.db", *far)
        run(tmp_path, "counts", *both, code=2)
    run(tmp_path, "counts", *far, code=5)
    assert not (tmp_path / "interlock.db").exists()


def test_a_server_stops_at_once_though_streams_are_open(tmp_path: Path) -> None:
    with served(tmp_path) as (url, process), httpx.Client(base_url=url) as api:
        call = {"name": "t.add", "params": {"left": 1}}
        job_id = api.post("/v1/jobs", json=call).json()["id"]
        with api.stream("GET", f"/v1/jobs/{job_id}/events") as answer:
            lines = answer.iter_lines()
            assert any(line.startswith("data:") for line in lines)
            process.terminate()
            assert [line for line in lines if line] == []


def test_another_address_needs_a_token(tmp_path: Path) -> None:
    for host in ("0.0.0.0", "::", "192.0.2.1", "example.org"):
        run(tmp_path, "serve", "e2e.sample_jobs", "--host", host, code=2)
    empty = tmp_path / "empty"
    empty.write_text("\n")
    words = ("serve", "e2e.sample_jobs", "--host", "0.0.0.0", "--token-file")
    run(tmp_path, *words, str(empty), code=2)
    run(tmp_path, *words, str(tmp_path / "missing"), code=2)
    run(tmp_path, *words[:-1], "--token", "", code=2)
    assert not (tmp_path / "interlock.db").exists()


def test_tokens_come_from_flags_and_files(tmp_path: Path) -> None:
    tokens = tmp_path / "tokens"
    tokens.write_text("anna:one\n\ntwo\n")
    options = ("--host", "0.0.0.0", "--token-file", str(tokens), "--read-token", "look")
    with served(tmp_path, *options) as (url, _):
        here = url.replace("0.0.0.0", "127.0.0.1")
        with Client(here, token="one") as client:
            job_id = client.submit("t.add", {"left": 1}).id
            assert client.get(job_id).submitted_by == "anna"
        env = {"INTERLOCK_SERVER": here, "INTERLOCK_TOKEN": "two"}
        run(tmp_path, "cancel", job_id, "--by", "bert", env=env)
        run(tmp_path, "show", job_id, env={**env, "INTERLOCK_TOKEN": "look"})
        run(tmp_path, "rerun", job_id, code=2, env={**env, "INTERLOCK_TOKEN": "look"})
        assert httpx.get(f"{here}/healthz").status_code == 401
    with Engine.open(f"sqlite:///{tmp_path}/jobs.db") as engine:
        assert engine.history(job_id)[-1].actor == "bert"


def test_a_port_that_is_taken_is_said(tmp_path: Path) -> None:
    with served(tmp_path) as (url, _):
        port = url.rpartition(":")[2]
        run(tmp_path, "serve", "e2e.sample_jobs", "--port", port, code=2)


@pytest.mark.parametrize(
    "code",
    [
        "import interlock_adapters.cli.main",
        "import interlock_adapters.subprocess.zygote",
        "import interlock_adapters.subprocess.child",
        "import interlock_adapters.http.client",
    ],
)
def test_the_framework_is_imported_by_the_server_alone(code: str) -> None:
    look = (
        f"{code}, sys; print([m for m in ('fastapi', 'uvicorn') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", look], capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"
