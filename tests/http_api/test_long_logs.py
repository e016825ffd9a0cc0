"""A log that is too long for one answer says so: library, client, commands, page."""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from e2e import sample_jobs as jobs
from interlock import AsyncEngine, Engine, InvalidOption, LogLine, LogLines
from interlock_adapters.cli.main import app
from interlock_adapters.http import create_app
from interlock_adapters.http.client import AsyncClient, Client

from .server import client_of, serving

MANY = 10_050
TEXTS = [f"line {n}" for n in range(MANY)]


@pytest.fixture
def job_id(engine: Engine) -> str:
    """Return a job with more lines than one page has."""
    job_id = engine.submit(jobs.add, 1).id
    at = datetime.now(UTC)
    engine._store.commit(
        [],
        [
            LogLine(job_id=job_id, attempt=1, at=at, stream="stdout", text=text)
            for text in TEXTS
        ],
    )
    return job_id


def texts(lines: list[LogLine]) -> list[str]:
    return [line.text for line in lines]


def test_a_page_of_a_log_says_where_the_next_one_begins(
    engine: Engine, job_id: str
) -> None:
    first = engine.log(job_id)
    assert (texts(first), first.has_earlier) == (TEXTS[:10_000], False)
    assert first.next_after == first[-1].seq
    rest = engine.log(job_id, after=first.next_after)
    assert (texts(rest), rest.next_after) == (TEXTS[10_000:], None)
    whole = engine.log(job_id, limit=MANY)
    assert (texts(whole), whole.next_after) == (TEXTS, None)
    none = engine.log(job_id, after=7, limit=0)
    assert (none, none.next_after) == ([], 7)


def test_the_tail_of_a_log_says_that_there_is_more_before(
    engine: Engine, job_id: str
) -> None:
    for count, has_earlier in ((1, True), (MANY - 1, True), (MANY, False)):
        tail = engine.log(job_id, tail=count)
        assert texts(tail) == TEXTS[-count:]
        assert (tail.has_earlier, tail.next_after) == (has_earlier, None)
    assert texts(asyncio.run(AsyncEngine(engine).log(job_id, tail=2))) == TEXTS[-2:]
    after = engine.log(job_id, tail=2)[0].seq
    late = engine.log(job_id, after=after, tail=2)
    assert (texts(late), late.has_earlier) == (TEXTS[-1:], False)
    with pytest.raises(InvalidOption, match="tail"):
        engine.log(job_id, tail=-1)


def test_a_client_reads_as_many_lines_as_are_wanted(
    engine: Engine, job_id: str
) -> None:
    async def asked(url: str) -> list[LogLines]:
        async with AsyncClient(url) as client:
            return [
                await client.log(job_id),
                await client.log(job_id, limit=MANY + 1),
                await client.log(job_id, tail=3),
            ]

    with serving(create_app(engine)) as url, Client(url) as client:
        own = [client.log(job_id), client.log(job_id, limit=MANY + 1)]
        own += [client.log(job_id, tail=3)]
        for lines in (own, asyncio.run(asked(url))):
            page, whole, tail = lines
            assert texts(page) == TEXTS[:10_000]
            assert page.next_after == page[-1].seq
            assert (texts(whole), whole.next_after) == (TEXTS, None)
            assert (texts(tail), tail.has_earlier) == (TEXTS[-3:], True)
        for refused in ({"tail": 10_001}, {"tail": 0}, {"limit": 0}, {"after": -1}):
            with pytest.raises(InvalidOption, match=next(iter(refused))):
                client.log(job_id, **refused)


def test_the_command_prints_the_whole_log_or_says_what_it_left_out(
    engine: Engine, job_id: str, tmp_path: Path
) -> None:
    with serving(create_app(engine)) as url:
        for where in (
            ("--database", f"sqlite:///{tmp_path}/jobs.db"),
            ("--server", url),
        ):
            whole = CliRunner().invoke(app, ["log", job_id, *where])
            assert whole.stdout.splitlines() == TEXTS
            assert whole.stderr == ""
            tail = CliRunner().invoke(app, ["log", job_id, "--tail", "2", *where])
            assert tail.stdout.splitlines() == TEXTS[-2:]
            assert "earlier lines left out" in tail.stderr


def test_the_page_of_a_job_shows_the_last_lines(engine: Engine, job_id: str) -> None:
    with client_of(create_app(engine)) as client:
        page = client.get(f"/jobs/{job_id}").text
    shown = re.findall(r"<span class=\"tx\">(.*?)</span>", page)
    assert shown == TEXTS[-200:]
    assert "there is output before this" in page


def test_the_command_begins_where_since_and_tail_say(
    engine: Engine, tmp_path: Path
) -> None:
    job_id = engine.submit(jobs.add, 1).id
    now = datetime.now(UTC)
    ages = (3600, 3600, 1200, 300, 60, 60)
    engine._store.commit(
        [],
        [
            LogLine(
                job_id=job_id,
                attempt=1,
                at=now - timedelta(seconds=age),
                stream="stdout",
                text=f"line {number}",
            )
            for number, age in enumerate(ages)
        ],
    )
    engine.cancel(job_id)
    with serving(create_app(engine)) as url:
        for where in (
            ("--database", f"sqlite:///{tmp_path}/jobs.db"),
            ("--server", url),
        ):

            def printed(*words: str, where: tuple[str, str] = where) -> tuple[str, str]:
                done = CliRunner().invoke(app, ["log", job_id, *words, *where])
                assert done.exit_code == 0, done.output
                numbers = done.stdout.replace("line ", "").split()
                return "".join(numbers), done.stderr

            for since, numbers in (
                ("2h", "012345"),
                ("21m", "2345"),
                ("10m", "345"),
                ("30s", ""),
                ((now - timedelta(seconds=60)).isoformat(), "45"),
                ("2020-01-01T00:00Z", "012345"),
            ):
                shown, said = printed("--since", since)
                assert shown == numbers
                assert ("all without --since" in said) == (numbers != "012345")
            shown, said = printed("--since", "10m", "--tail", "2", "-f")
            assert shown == "45"
            assert "all without --since" in said
            assert "only the last 2 follow" in said
            refused = CliRunner().invoke(app, ["log", job_id, "--since", "x", *where])
            assert refused.exit_code == 2


def test_since_finds_the_first_line_of_a_long_log(job_id: str, tmp_path: Path) -> None:
    where = ("--database", f"sqlite:///{tmp_path}/jobs.db")
    done = CliRunner().invoke(app, ["log", job_id, "--since", "1h", *where])
    assert done.stdout.splitlines() == TEXTS
    assert done.stderr == ""
