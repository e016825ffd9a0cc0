"""A PostgreSQL server, or the wire to it, that stands still: fence, and go on."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

import postgres
from e2e import sample_jobs as jobs
from e2e.processes import below, until
from interlock import Engine, JobHandle, JobStatus, StoreUnavailable
from interlock_adapters.sql.postgres import connection
from pace import deadline

from .evidence import ENDS, LEASE_S, ends, last_alive_at, lease, submitted, worker
from .wire import Wire

_OPEN = "SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in%'"

#: How a claim locks its rows; who counts events locks others.
_CLAIM = b"FROM interlock_job WHERE status ||"


@pytest.fixture(scope="module")
def server() -> Iterator[postgres.OwnServer]:
    program = postgres.initdb()
    if program is None:
        pytest.skip("NO initdb: a silent PostgreSQL is not tried")
    started = postgres.OwnServer(program)
    yield started
    started.remove()


@pytest.fixture
def engine(server: postgres.OwnServer) -> Iterator[Engine]:
    with Engine.open(server.url) as opened:
        yield opened
        assert opened.verify() == []


@pytest.fixture
def wire(server: postgres.OwnServer) -> Iterator[Wire]:
    with Wire(server.socket) as between:
        yield between


def _stall(server: postgres.OwnServer) -> list[int]:
    """Stop every process of a server, the one that forks the others first."""
    os.kill(server.pid, signal.SIGSTOP)
    family = [server.pid, *below(server.pid)]
    for pid in family:
        os.kill(pid, signal.SIGSTOP)
    return family


def _go_on(family: list[int]) -> None:
    for pid in reversed(family):
        os.kill(pid, signal.SIGCONT)


def _sit_out(handles: list[JobHandle[int]]) -> float:
    """Wait until every lease is over; return when the last process was seen alive."""
    over = time.monotonic() + LEASE_S + 0.2
    alive_at = last_alive_at(handles)
    until(lambda: time.monotonic() > over)
    return alive_at


def test_jobs_fence_themselves_while_the_server_stands_still(
    server: postgres.OwnServer, engine: Engine, tmp_path: Path
) -> None:
    with worker(server.url, tmp_path / "log") as process:
        handles = submitted(engine, tmp_path)
        queued = engine.submit(jobs.add, 1)
        family = _stall(server)
        (tmp_path / "end").touch()
        try:
            alive_at = _sit_out(handles)
            process.send_signal(signal.SIGSTOP)  # it shall not be faster than we
        finally:
            _go_on(family)
        status, attempt, lease_until = lease(server.url, handles[0].id)
        process.send_signal(signal.SIGCONT)
        assert (status, attempt) == ("RUNNING", 1)
        assert alive_at < lease_until
        assert ends(handles) == ENDS
        assert queued.result(deadline(20)) == 2


@pytest.mark.parametrize("how", ["forward", "drop"])
def test_a_wire_that_was_silent_costs_no_job_and_no_worker(
    server: postgres.OwnServer, engine: Engine, wire: Wire, tmp_path: Path, how: str
) -> None:
    with worker(wire.url, tmp_path / "log"):
        handles = submitted(engine, tmp_path)
        wire.silence()
        until(lambda: wire.holds)  # the worker waits for an answer, and then one ends
        (tmp_path / "end").touch()
        alive_at = _sit_out(handles)
        status, attempt, lease_until = lease(server.url, handles[0].id)
        assert (status, attempt) == ("RUNNING", 1)
        assert alive_at < lease_until
        wire.forward() if how == "forward" else wire.drop()
        assert ends(handles) == ENDS


def test_a_worker_that_falls_silent_in_a_transaction_holds_nobody_up(
    server: postgres.OwnServer, engine: Engine, wire: Wire, tmp_path: Path
) -> None:
    with worker(wire.url, tmp_path / "log"):
        until(lambda: len(engine.workers()) == 1)
        wire.silence_after(_CLAIM)
        handle = engine.submit(jobs.add, 1)
        until(lambda: wire.is_silent)
        with worker(server.url, tmp_path / "other"):
            assert handle.result(deadline(20)) == 2
        wire.forward()
        until(lambda: "The store does not answer" in (tmp_path / "log").read_text())
        assert engine.submit(jobs.add, 2).result(deadline(20)) == 3


def test_who_waits_for_a_silent_server_is_told_and_goes_on_afterwards(
    engine: Engine, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection.Impatient, "answer_s", 0.3)
    monkeypatch.setitem(connection._CLIENT, "connect_timeout", "2")
    with Engine.open(wire.url) as client:
        job = client.submit(jobs.add, 1).job()
        wire.silence()
        with pytest.raises(StoreUnavailable, match="cannot be reached"):
            client.get(job.id)
        wire.forward()
        assert client.get(job.id).id == engine.get(job.id).id
        wire.silence_after(b"INSERT INTO interlock_job ")
        with pytest.raises(StoreUnavailable, match=r"no answer for 0.3 s.* unless"):
            client.submit(jobs.add, 1)
        wire.forward()
        assert client.cancel(job.id).status is JobStatus.CANCELED


def test_a_transaction_that_was_left_open_is_told_as_such(
    server: postgres.OwnServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(
        connection._SERVER, "idle_in_transaction_session_timeout", "50ms"
    )
    with Engine.open(server.url) as client:

        def dawdle() -> None:
            with client._store.together():
                client._store.forget_worker("nobody")
                with psycopg.connect(server.url, autocommit=True) as connection:
                    until(lambda: connection.execute(_OPEN).fetchone() == (0,))
                client._store.forget_worker("nobody")

        with pytest.raises(StoreUnavailable, match="left open for too long"):
            dawdle()
        assert client.workers() == []
