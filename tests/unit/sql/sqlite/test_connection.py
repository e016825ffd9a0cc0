"""Who writes when: callers in transactions of their own, threads of one process."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from interlock.core.errors import DuplicateJob, InvalidOption, JobNotFound
from interlock.core.lifecycle import INITIAL
from interlock.testing.clock import ManualClock
from interlock.testing.scenario import Scenario
from interlock_adapters.sql.sqlite.sqlite import open_store
from interlock_adapters.sql.store.store import SqlStore


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scenario]:
    clock = ManualClock()
    store = open_store(f"sqlite:///{tmp_path}/jobs.db", clock)
    yield Scenario(store, clock)
    store.close()


@pytest.fixture
def application(tmp_path: Path, scene: Scenario) -> Iterator[sa.Engine]:
    """Return an engine of the application's own on the same file."""
    assert scene.store.verify() == []
    engine = sa.create_engine(f"sqlite:///{tmp_path}/jobs.db")
    yield engine
    engine.dispose()


def test_a_job_exists_when_the_caller_has_committed(
    scene: Scenario, application: sa.Engine
) -> None:
    with application.connect() as connection:
        (job,) = scene.store.add([scene.new("j")], connection=connection)
        with pytest.raises(JobNotFound):
            scene.store.get("j")
        connection.commit()
    assert scene.store.get("j") == job
    with Session(application) as session:
        scene.store.add([scene.new("k")], connection=session)
        session.commit()
    assert scene.store.counts()[INITIAL] == 2
    assert scene.store.verify() == []


def test_a_job_never_was_when_the_caller_rolls_back(
    scene: Scenario, application: sa.Engine
) -> None:
    with application.connect() as connection:
        scene.store.add([scene.new("j")], connection=connection)
        connection.rollback()
    assert scene.store.counts()[INITIAL] == 0


def test_a_refused_batch_leaves_nothing_in_the_callers_transaction(
    scene: Scenario, application: sa.Engine
) -> None:
    scene.add("taken", unique_key="u")
    batch = [scene.new("a", unique_key="v"), scene.new("b", unique_key="u")]
    with application.connect() as connection:
        with pytest.raises(DuplicateJob, match="Nothing was stored"):
            scene.store.add(batch, connection=connection)
        connection.commit()
    assert scene.store.counts()[INITIAL] == 1


def test_what_is_no_connection_is_refused(scene: Scenario) -> None:
    with pytest.raises(InvalidOption, match="a Connection, Session"):
        scene.store.add([scene.new()], connection="jobs.db")
    assert scene.store.counts()[INITIAL] == 0


def test_writers_of_one_process_wait_for_each_other_before_sqlite(
    scene: Scenario,
) -> None:
    """Who waits in SQLite looks again in ever longer sleeps, and is overtaken."""
    begun: set[object] = set()
    most = []

    def begin(connection: sa.Connection) -> None:
        begun.add(connection)
        most.append(len(begun))

    assert isinstance(scene.store, SqlStore)
    writer = scene.store.database._writer
    sa.event.listen(writer, "begin", begin, insert=True)
    sa.event.listen(writer, "commit", begun.discard)
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda i: scene.add(f"t{i}"), range(80)))
    assert (len(most), max(most)) == (80, 1)
