"""What no database could hold is refused before it is asked, on every store."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

import postgres
from interlock import Engine, InvalidOption, JobNotFound


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    if request.param == "postgresql":
        with postgres.database() as url, Engine.open(url) as opened:
            yield opened
        return
    file = f"sqlite:///{tmp_path}/jobs.db"
    with Engine.open(file if request.param == "sqlite" else "memory:") as opened:
        yield opened


@pytest.mark.parametrize("job_id", ["\x00", "a\x00", "\ud800", "x" * 5000, ""])
def test_an_id_that_no_job_can_have_is_not_found(engine: Engine, job_id: str) -> None:
    calls = (
        engine.get,
        engine.history,
        engine.attempts,
        engine.log,
        engine.explain,
        engine.cancel,
        engine.rerun,
        engine.delete,
    )
    for call in calls:
        with pytest.raises(JobNotFound):
            call(job_id)


def test_a_search_for_what_cannot_be_stored_is_refused(engine: Engine) -> None:
    for word in ("\x00", "\ud800"):
        for name in ("name", "queue", "submitted_by", "cursor"):
            with pytest.raises(InvalidOption, match=name):
                engine.search(**{name: word})  # type: ignore[arg-type]  # one of the words
        for params in ({"a": word}, {word: 1}, {"a": [{"b": word}]}):
            with pytest.raises(InvalidOption, match="params"):
                engine.search(params=params)
    for value in (float("nan"), float("inf"), object()):
        with pytest.raises(InvalidOption, match="params"):
            engine.search(params={"a": value})
    first, last = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
    for moment in (first, last):
        for option in ("created_after", "created_before"):
            with pytest.raises(InvalidOption, match=option):
                engine.search(**{option: moment})  # type: ignore[arg-type]  # one of the moments
    assert engine.search(params={"a": 10**400, "b": "\\u0000 é"}).items == ()
