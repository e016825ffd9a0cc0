"""A connection of psycopg that is lent to a submit stays what it was."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

import postgres
from e2e import sample_jobs as jobs
from interlock import Engine, InvalidOption, JobStatus

SHOW = "SELECT current_setting('transaction_isolation')"
NOTICE = "DO $$ BEGIN RAISE NOTICE 'still here'; END $$"


@pytest.fixture
def url() -> Iterator[str]:
    with postgres.database() as made:
        yield made


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    with Engine.open(url) as opened:
        yield opened


def test_the_application_still_hears_notices_and_notifications(
    engine: Engine, url: str
) -> None:
    heard: list[str | None] = []
    with psycopg.connect(url) as raw:
        raw.add_notice_handler(lambda found: heard.append(found.message_primary))
        raw.add_notify_handler(lambda found: heard.append(found.payload))
        engine.submit(jobs.add.options(connection=raw), 1)
        raw.execute(NOTICE)
        raw.execute("LISTEN own")
        raw.execute("NOTIFY own, 'told'")
        raw.commit()
        raw.execute("SELECT 1")
    assert heard == ["still here", "told"]


def test_the_transaction_begins_as_the_applications_would(
    engine: Engine, url: str
) -> None:
    with psycopg.connect(url) as raw:
        raw.isolation_level = psycopg.IsolationLevel.SERIALIZABLE
        engine.submit(jobs.add.options(connection=raw), 1)
        assert raw.execute(SHOW).fetchone() == ("serializable",)
        engine.submit(jobs.add.options(connection=raw), 2)
    assert engine.counts()[JobStatus.PENDING] == 2


def test_a_pipeline_is_refused(engine: Engine, url: str) -> None:
    options = jobs.add.options()
    with psycopg.connect(url) as raw, raw.pipeline():
        with pytest.raises(InvalidOption, match="pipeline mode"):
            engine.submit(options.options(connection=raw), 1)
        assert raw.execute("SELECT 1").fetchone() == (1,)
