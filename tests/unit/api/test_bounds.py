"""Numbers that a question to the engine cannot mean are refused, with a sentence."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from interlock import Engine, InvalidOption, JobStatus, job
from interlock.core.records import FeedPosition


@job(name="bounds.f")
def f() -> None: ...


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    folder = tmp_path_factory.mktemp("bounds")
    with Engine.open(f"sqlite:///{folder}/jobs.db") as engine:
        yield engine


@pytest.fixture
def engine(opened: Engine) -> Engine:
    """Return an engine with one canceled job; a purge may have taken the last one."""
    if not opened.search().items:
        opened.submit(f).cancel()
    return opened


NOT_AN_AGE: list[Any] = [-1, -0.001, float("nan"), float("inf"), True, "1", None]
NOT_A_NUMBER: list[Any] = [-1, 1.5, float("nan"), True, "1", 2**63]
LIMITED: dict[str, Callable[[Engine, Any], object]] = {
    "log": lambda e, n: e.log(e.search().items[0].id, limit=n),
    "log after": lambda e, n: e.log(e.search().items[0].id, after=n),
    "search": lambda e, n: e.search(limit=n),
    "recent": lambda e, n: e.monitor.recent(n),
    "endings": lambda e, n: e.monitor.ended_jobs(datetime.now(UTC), n),
    "stints": lambda e, n: e.monitor.stints(datetime.now(UTC), n),
    "feed": lambda e, n: e.monitor.feed(FeedPosition(0, "", 0), limit=n),
    "backlog": lambda e, n: e.monitor.backlog("default", limit=n),
    "purge": lambda e, n: e.purge(older_than=0, limit=n),
}


@pytest.mark.parametrize("older_than", [*NOT_AN_AGE, timedelta(seconds=-1)])
def test_purge_deletes_nothing_for_what_is_no_age(
    engine: Engine, older_than: Any
) -> None:
    with pytest.raises(InvalidOption, match=r"older_than: .* 0 or more seconds"):
        engine.purge(older_than=older_than)
    assert engine.counts()[JobStatus.CANCELED] == 1


@pytest.mark.parametrize("older_than", [1, 1.5, timedelta(days=1), 10**9, 10**11])
def test_purge_keeps_what_is_younger(
    engine: Engine, older_than: float | timedelta
) -> None:
    assert engine.purge(older_than=older_than) == 0
    assert engine.purge(older_than=0) == 1


@pytest.mark.parametrize("number", NOT_A_NUMBER)
@pytest.mark.parametrize("name", LIMITED)
def test_a_limit_is_a_whole_number_from_zero(
    engine: Engine, name: str, number: Any
) -> None:
    with pytest.raises(InvalidOption, match="a whole number"):
        LIMITED[name](engine, number)
    assert engine.counts()[JobStatus.CANCELED] == 1


@pytest.mark.parametrize("kept", NOT_AN_AGE)
def test_once_does_nothing_for_what_is_no_time_to_keep_it(
    engine: Engine, kept: Any
) -> None:
    done: list[str] = []

    def act() -> str:
        done.append("done")
        return "done"

    with pytest.raises(InvalidOption, match="kept"):
        engine.once("key", "request", act, kept=kept)
    assert done == []


def test_a_wait_may_be_for_ever(engine: Engine) -> None:
    job_id = engine.search().items[0].id
    for timeout in (None, 0, float("inf"), 10**20):
        assert engine.wait(job_id, timeout).status is JobStatus.CANCELED


@pytest.mark.parametrize("timeout", [-1, -0.1, float("nan"), True, "1"])
def test_a_wait_that_is_no_time_is_refused(engine: Engine, timeout: Any) -> None:
    handle = engine.handle(engine.search().items[0].id)
    for wait in (
        handle.wait,
        handle.result,
        lambda timeout: handle.cancel(wait=timeout),
    ):
        with pytest.raises(InvalidOption, match="0 or more seconds, or None"):
            wait(timeout)


@pytest.mark.parametrize(
    "cursor", ["garbage", "", "f" * 32, "====", "é", "x" * 999, "\0", 5, b"x"]
)
def test_a_cursor_of_no_page_is_refused(engine: Engine, cursor: Any) -> None:
    with pytest.raises(InvalidOption, match="cursor"):
        engine.search(cursor=cursor)


def test_a_cursor_belongs_to_the_filters_of_its_page(engine: Engine) -> None:
    for _ in range(2):
        engine.submit(f)
    west = timezone(timedelta(hours=-5))
    filters: dict[str, Any] = {
        "name": "bounds.f",
        "statuses": ["PENDING", "RUNNING"],
        "created_after": datetime(2026, 1, 1, tzinfo=UTC),
    }
    cursor = engine.search(**filters, limit=1).next_cursor
    same = {
        **filters,
        "statuses": [JobStatus.RUNNING, JobStatus.PENDING],
        "created_after": datetime(2025, 12, 31, 19, tzinfo=west),
    }
    assert len(engine.search(**same, limit=5, cursor=cursor).items) == 1
    for other in (
        {"name": "other"},
        {"statuses": ["PENDING"]},
        {"params": {"a": 1}},
        {"queue": "default"},
        {"submitted_by": "anna"},
        {"created_after": datetime(2026, 1, 2, tzinfo=UTC)},
        {"created_before": datetime(2026, 1, 2, tzinfo=UTC)},
    ):
        with pytest.raises(InvalidOption, match="not made for these filters"):
            engine.search(**{**filters, **other}, cursor=cursor)
