"""A host that is cut from the database: its job dies there, and ends on another one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import postgres
from e2e import sample_jobs as jobs
from e2e.processes import until
from faults.evidence import LOST_ONCE, ends, last_alive_at, lease, submitted, worker
from interlock import Engine
from interlock.core.lifecycle import Event
from pace import deadline

from .lan import ADDRESS, Host, hosts


@pytest.fixture
def two(tmp_path: Path) -> Iterator[list[Host]]:
    with hosts(2, tmp_path) as pair:
        yield pair


@pytest.fixture
def server(two: list[Host]) -> Iterator[postgres.OwnServer]:
    assert two, "there is a bridge to listen on"
    program = postgres.initdb()
    if program is None:
        pytest.skip("NO initdb: nothing is tried on two hosts")
    started = postgres.OwnServer(program, ADDRESS)
    yield started
    started.remove()


def test_a_host_that_is_cut_off_costs_no_job_and_comes_back(
    two: list[Host], server: postgres.OwnServer, tmp_path: Path
) -> None:
    url = f"postgresql://postgres@{ADDRESS}/postgres"
    log = tmp_path / "log"
    with Engine.open(server.url) as engine, worker(url, log, inside=two[0].inside):
        handles = submitted(engine, tmp_path)
        (cut,) = engine.workers()
        with worker(url, tmp_path / "other", inside=two[1].inside):
            until(lambda: len(engine.workers()) == 2)
            other = engine.workers()[1]
            assert other.boot_id != cut.boot_id  # no host sweeps another one's jobs
            two[0].cut()
            (tmp_path / "end").touch()  # one of them succeeds, and cannot say so
            alive_at = last_alive_at(handles)
            status, attempt, lease_until = lease(server.url, handles[0].id)
            assert (status, attempt) == ("RUNNING", 1)
            assert alive_at < lease_until
            assert ends(handles) == [LOST_ONCE] * 2
            two[0].mend()
        ran = [[a.worker_id for a in engine.attempts(h.id)] for h in handles]
        assert ran == [[cut.id, other.id]] * 2
        assert (
            engine.submit(jobs.add, 1).result(deadline(40)) == 2
        )  # by the one that was cut
        refused = {(r.job_id, r.event, r.actor) for r in engine.rejections()}
        assert (handles[1].id, Event.SUCCEED, cut.id) in refused
        assert {actor for _, _, actor in refused} == {cut.id}
        assert engine.verify() == []
    assert "may no longer write: attempt 2 has replaced it" in log.read_text()
