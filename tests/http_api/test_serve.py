"""`interlock serve` and `--server`, as processes of their own."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from interlock import Engine, InvalidOption, JobStatus
from interlock_adapters.cli.main import app
from interlock_adapters.http import Settings
from interlock_adapters.http.client import Client
from interlock_adapters.http.serve import bound, serve
from pace import deadline

from .program import PROGRAM, environment, served


def run(
    folder: Path, *arguments: str, code: int = 0, env: dict[str, str] | None = None
) -> str:
    done = subprocess.run(
        [*PROGRAM, *arguments],
        cwd=folder,
        env=environment(**(env or {})),
        capture_output=True,
        text=True,
        timeout=deadline(50),
        check=False,
    )
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout


Call = Callable[..., str]


@pytest.fixture
def far(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Call]:
    """Run commands in this process, through a server in another one."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("INTERLOCK_DATABASE_URL", raising=False)

    def call(*arguments: str, code: int = 0) -> str:
        done = CliRunner().invoke(app, list(arguments))
        assert done.exit_code == code, (done.output, done.exception)
        return done.stdout

    with served(tmp_path, "--with-worker", "--concurrency", "2") as (url, _):
        monkeypatch.setenv("INTERLOCK_SERVER", url)
        yield call
    call("counts", "--server", url, code=5)
    assert not (tmp_path / "interlock.db").exists()


def test_commands_work_through_a_server_as_on_the_database(far: Call) -> None:
    job = json.loads(far("submit", "t.talk", "lines=1", "--wait", "--json"))
    assert job["status"] == "SUCCEEDED"
    job_id = job["id"]
    assert job_id in far("list", "--name", "t.talk", "--json")
    assert "SUCCEEDED" in far("show", job_id)
    assert "line 0" in far("log", job_id, "-f")
    events = far("history", job_id, "--json").splitlines()
    assert [json.loads(e)["event"] for e in events] == ["submit", "claim", "succeed"]
    far("cancel", job_id, code=4)
    refused = far("history", job_id, "--rejected", "--json")
    assert json.loads(refused)["event"] == "cancel"
    again = json.loads(far("rerun", job_id, "--wait", "--json"))
    assert again["rerun_of"] == job_id
    assert json.loads(far("counts", "--json"))["SUCCEEDED"] == 2
    far("pause", "slow")
    queues = map(json.loads, far("queues", "--json").splitlines())
    assert {queue["name"]: queue["paused"] for queue in queues}["slow"] is True
    far("resume", "slow")
    assert len(far("workers", "--json").splitlines()) == 1


def test_commands_refuse_through_a_server_with_the_same_codes(
    far: Call, tmp_path: Path
) -> None:
    far("show", "beef", code=3)
    far("show", "nope", code=2)
    far("wait", "beef", code=3)
    far("submit", "t.nope", code=3)
    far("submit", "t.add", code=2)
    far("counts", "--database", "sqlite:///x.db", "--server", "http://x", code=2)
    options = ("--database", f"sqlite:///{tmp_path}/own.db")
    far("counts", *options, code=5)  # the flag wins over INTERLOCK_SERVER
    far("submit", "t.add", "left=1", "--module", "e2e.sample_jobs", *options)
    assert (tmp_path / "own.db").exists()
    far("counts", *options)


def test_a_server_stops_at_once_though_streams_are_open(tmp_path: Path) -> None:
    with served(tmp_path) as (url, process), httpx.Client(base_url=url) as api:
        call = {"name": "t.add", "params": {"left": 1}}
        job_id = api.post("/v1/jobs", json=call).json()["id"]
        with api.stream("GET", f"/v1/jobs/{job_id}/events") as answer:
            lines = answer.iter_lines()
            assert any(line.startswith("data:") for line in lines)
            process.terminate()
            assert [line for line in lines if line] == []


@pytest.mark.parametrize("closes", [False, True])
def test_a_second_signal_stops_the_jobs_of_a_server_at_once(
    tmp_path: Path, *, closes: bool
) -> None:
    with served(tmp_path, "--with-worker") as (url, process), ExitStack() as held:
        call = {"name": "t.polite", "params": {"folder": str(tmp_path)}}
        httpx.post(f"{url}/v1/jobs", json=call).raise_for_status()
        while not (tmp_path / "started").exists():
            time.sleep(0.01)
        if closes:  # the server waits for the rest of a request
            held.enter_context(_half_a_request(url))
        process.send_signal(signal.SIGTERM)
        if closes:
            with suppress(httpx.TransportError):  # refused, or reset in its backlog
                while True:
                    httpx.get(f"{url}/healthz")
        else:
            while "Shutting down" not in process.stderr.readline():
                assert process.poll() is None
        process.send_signal(signal.SIGTERM)
        process.wait(deadline(30))
    with Engine.open(f"sqlite:///{tmp_path}/jobs.db") as engine:
        assert engine.counts()[JobStatus.PENDING] == 1
    assert not (tmp_path / "cleaned").exists()


def _half_a_request(url: str) -> socket.socket:
    at = httpx.URL(url)
    held = socket.create_connection((at.host, at.port))
    head = f"POST /v1/jobs HTTP/1.1\r\nHost: {at.host}:{at.port}\r\n"
    head += "Content-Type: application/json\r\nContent-Length: 9\r\n\r\n{"
    held.sendall(head.encode())
    return held


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.org"])
def test_another_address_needs_a_token(engine: Engine, host: str) -> None:
    with pytest.raises(InvalidOption, match="--token"):
        serve(engine, host=host, port=0, settings=Settings(), say=print)


def test_a_token_that_is_none_opens_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").write_text("\n")
    for words in (
        (),
        ("--token-file", "empty"),
        ("--token-file", "x"),
        ("--token", ""),
    ):
        command = ["serve", "e2e.sample_jobs", "--host", "0.0.0.0", *words]
        assert CliRunner().invoke(app, command).exit_code == 2
    assert not (tmp_path / "interlock.db").exists()


def test_tokens_come_from_flags_and_files(tmp_path: Path) -> None:
    tokens = tmp_path / "tokens"
    tokens.write_text("anna:one\n\ntwo\n")
    options = ("--host", "0.0.0.0", "--token-file", str(tokens), "--read-token", "look")
    with served(tmp_path, *options) as (url, _):
        own_url = url.replace("0.0.0.0", "127.0.0.1")
        with Client(own_url, token="one") as client:
            job_id = client.submit("t.add", {"left": 1}).id
            assert client.get(job_id).submitted_by == "anna"
        env = {"INTERLOCK_SERVER": own_url, "INTERLOCK_TOKEN": "two"}
        run(tmp_path, "cancel", job_id, "--by", "bert", env=env)
        run(tmp_path, "show", job_id, env={**env, "INTERLOCK_TOKEN": "look"})
        run(tmp_path, "rerun", job_id, code=2, env={**env, "INTERLOCK_TOKEN": "look"})
        assert httpx.get(f"{own_url}/healthz").status_code == 401
    with Engine.open(f"sqlite:///{tmp_path}/jobs.db") as engine:
        assert engine.history(job_id)[-1].actor == "bert"


def test_a_port_that_is_taken_is_said(tmp_path: Path) -> None:
    with served(tmp_path) as (url, _):
        port = url.rpartition(":")[2]
        run(tmp_path, "serve", "e2e.sample_jobs", "--port", port, code=2)


def test_connections_send_small_answers_at_once() -> None:
    """Otherwise each one waits 40 ms for the client's delayed ACK."""
    with bound("127.0.0.1", 0) as listening:
        with socket.create_connection(listening.getsockname()):
            connection, _ = listening.accept()
        with connection:
            level, option = socket.IPPROTO_TCP, socket.TCP_NODELAY
            assert connection.getsockopt(level, option) == 1


@pytest.mark.parametrize("port", [-1, 65_536, 10**9])
def test_a_port_that_no_address_has_is_refused(engine: Engine, port: int) -> None:
    with pytest.raises(InvalidOption, match="from 0 to 65535"):
        serve(engine, host="127.0.0.1", port=port, settings=Settings(), say=print)


@pytest.mark.parametrize(
    "code",
    [
        "import interlock_adapters.cli.main",
        "import interlock_adapters.subprocess.zygote.zygote",
        "import interlock_adapters.subprocess.child.child",
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
