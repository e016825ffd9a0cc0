"""The order over all jobs, where transactions overlap."""

from __future__ import annotations

import sqlalchemy as sa

import postgres
from interlock import Engine
from interlock.core.records import FeedPosition

START = FeedPosition(0, "", 0)


def test_what_commits_late_is_not_missed_by_who_read_on_before() -> None:
    with postgres.database() as url, Engine.open(url) as engine:
        database = sa.create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
        with database.connect() as slow:
            early = engine.submit("t.add", {"left": 1}, connection=slow).id
            late = engine.submit("t.add", {"left": 2}).id
            before = engine.monitor.feed(START, limit=10)
            end = engine.monitor.feed_end()
            slow.commit()
        database.dispose()
        # What came after it is held back too, so nobody reads on beyond it.
        assert before == []
        for place in (START, end):
            page = engine.monitor.feed(place, limit=10)
            assert [entry.job_id for _, entry in page] == [early, late]


def test_what_runs_in_another_database_holds_up_nothing() -> None:
    with (
        postgres.database() as url,
        postgres.database() as elsewhere,
        Engine.open(url) as engine,
        Engine.open(elsewhere) as other,
    ):
        own = sa.create_engine(elsewhere.replace("postgresql:", "postgresql+psycopg:"))
        with own.connect() as slow:
            other.submit("t.add", {"left": 1}, connection=slow)
            job_id = engine.submit("t.add", {"left": 2}).id
            assert [e.job_id for _, e in engine.monitor.feed(START, limit=10)] == [
                job_id
            ]
        own.dispose()


def test_a_rolled_back_transaction_holds_up_nothing_and_tells_nothing() -> None:
    with postgres.database() as url, Engine.open(url) as engine:
        database = sa.create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
        with database.connect() as slow:
            engine.submit("t.add", {"left": 1}, connection=slow)
            slow.rollback()
        database.dispose()
        late = engine.submit("t.add", {"left": 2}).id
        assert [e.job_id for _, e in engine.monitor.feed(START, limit=10)] == [late]
