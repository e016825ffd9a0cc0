"""Cancel, rerun and delete by filter: short transactions, and only what matches."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

import postgres
from interlock import AsyncEngine, Engine, Event, InvalidOption, JobStatus
from interlock.api import bulk
from interlock.core.lifecycle import SUBMIT
from interlock.core.records import FeedPosition
from interlock_adapters.cli.main import app
from pace import deadline

from . import sample_jobs as jobs
from .processes import alive, until

_START = FeedPosition(0, "", 0)


@pytest.fixture(params=["sqlite", "postgresql", "memory"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "postgresql":
        with postgres.database() as made:
            yield made
    else:
        is_file = request.param == "sqlite"
        yield f"sqlite:///{tmp_path}/jobs.db" if is_file else "memory:"


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    with Engine.open(url) as opened:
        yield opened
        assert opened.verify() == []


def test_all_that_matches_is_canceled_rerun_and_deleted(engine: Engine) -> None:
    many = bulk._BATCH * 2 + 1
    mail = jobs.add.options(queue="mail")
    last = engine.submit_many(mail.call(n) for n in range(many))[-1].id
    other = engine.submit(jobs.add, 1)
    preview = engine.cancel_all(queue="mail", preview=True)
    assert (preview.matched, preview.done) == (many, 0)
    assert engine.get(last).status is JobStatus.PENDING
    done = engine.cancel_all(queue="mail", reason="full", by="anna")
    assert (done.matched, done.done) == (many, many)
    entry = engine.history(last)[-1]
    assert (entry.actor, entry.reason) == ("anna", "full")
    assert engine.get(other.id).status is JobStatus.PENDING
    assert engine.cancel_all(queue="mail").matched == 0

    again = engine.rerun_all(queue="mail", statuses=["CANCELED"], by="anna")
    assert (again.matched, again.done) == (many, many)
    assert engine.counts()[JobStatus.PENDING] == many + 1
    assert engine.delete_all(queue="mail").done == many
    assert engine.counts()[JobStatus.CANCELED] == 0
    assert engine.counts()[JobStatus.PENDING] == many + 1


def test_a_running_job_is_really_stopped(contained: Engine, tmp_path: Path) -> None:
    handle = contained.submit(jobs.hostile, "family", str(tmp_path))
    until(Path(tmp_path, "started").exists)
    assert contained.cancel_all(name="t.hostile").done == 1
    assert handle.wait(deadline(20)).status is JobStatus.CANCELED
    assert alive(handle.id) == []


def test_others_write_in_between(engine: Engine) -> None:
    engine.submit_many(jobs.add.call(n) for n in range(bulk._BATCH * 3))
    submitted = []
    stop = threading.Event()

    def submit() -> None:
        while not stop.is_set():
            submitted.append(engine.submit(jobs.add, 1).id)

    thread = threading.Thread(target=submit)
    thread.start()
    until(lambda: submitted)
    try:
        assert engine.cancel_all(name="t.add").done >= bulk._BATCH * 3
    finally:
        stop.set()
        thread.join()
    told = [entry for _, entry in engine.monitor.feed(_START, limit=10_000)]
    cancels = [n for n, entry in enumerate(told) if entry.event == Event.CANCEL]
    between = told[cancels[0] : cancels[-1]]
    assert any(entry.event == SUBMIT for entry in between)


@pytest.mark.parametrize(
    ("call", "told"),
    [
        ("cancel_all", "SUCCEEDED"),
        ("rerun_all", "RUNNING"),
        ("delete_all", "PENDING"),
    ],
)
def test_what_is_not_possible_is_refused_before_anything_is_done(
    engine: Engine, call: str, told: str
) -> None:
    job = engine.submit(jobs.add, 1)
    act = getattr(engine, call)
    with pytest.raises(InvalidOption, match="at least one filter"):
        act()
    with pytest.raises(InvalidOption, match=f"not possible for jobs that are {told}"):
        act(name="t.add", statuses=[told])
    with pytest.raises(InvalidOption, match="LOST"):
        act(statuses=["LOST"])
    assert engine.get(job.id).status is JobStatus.PENDING


async def _all(url: str) -> list[int]:
    async with await AsyncEngine.open(url) as engine:
        await engine.submit(jobs.add, 1)
        return [
            (await engine.cancel_all(name="t.add")).done,
            (await engine.rerun_all(name="t.add")).done,
            (await engine.delete_all(name="t.add")).done,
        ]


def test_the_same_names_are_awaited(tmp_path: Path) -> None:
    assert asyncio.run(_all(f"sqlite:///{tmp_path}/jobs.db")) == [1, 1, 1]


def test_the_commands_count_first_and_act_with_yes(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/jobs.db"
    run = CliRunner().invoke
    with Engine.open(url) as engine:
        engine.submit_many(jobs.add.call(n) for n in range(3))
        where = ("--name", "t.add", "--database", url)
        asked = run(app, ["cancel-all", *where])
        assert "3 jobs match. Nothing was done" in asked.output
        assert engine.counts()[JobStatus.PENDING] == 3
        assert "3 jobs canceled" in run(app, ["cancel-all", *where, "--yes"]).output
        again = run(app, ["rerun-all", *where, "--status", "canceled", "--yes"])
        assert "3 jobs submitted again" in again.output
        gone = run(app, ["delete-all", *where, "--yes", "--json"])
        assert '"done": 3' in gone.output
        refused = run(app, ["delete-all", "--database", url, "--yes"])
        assert refused.exit_code == 2
        assert "at least one filter" in refused.output
