"""Jobs that depend on others, with real workers and processes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import postgres
from interlock import (
    Call,
    Engine,
    InvalidOption,
    Job,
    JobCanceled,
    JobHandle,
    JobStatus,
    Phase,
    Reason,
    chain,
)
from pace import deadline

from . import pipeline_jobs as jobs
from .processes import until

S, C = JobStatus.SUCCEEDED, JobStatus.CANCELED


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    if request.param == "sqlite":
        with Engine.open(f"sqlite:///{tmp_path}/jobs.db") as opened:
            yield opened
            assert opened.verify() == []
        return
    with postgres.database() as url, Engine.open(url) as opened:
        yield opened
        assert opened.verify() == []


def test_results_are_the_inputs_in_the_types_of_their_functions(
    engine: Engine,
) -> None:
    fetched, counted = engine.submit_many(
        chain(jobs.fetch.call("http://a"), jobs.count.call())
    )
    add = jobs.add.options(depends_on={"left": counted, "right": counted.id})
    added = engine.submit(add)
    assert engine.get(added.id).phase is Phase.BLOCKED
    with engine.worker(concurrency=2):
        assert added.result(deadline(30)) == "3 + 3"
    graph = engine.graph(fetched.id)
    assert (len(graph.jobs), len(graph.edges), graph.is_whole) == (3, 3, True)
    assert graph.mermaid().count("-->") == 3


def test_large_inputs_come_in_pages(engine: Engine) -> None:
    parents = [engine.submit(jobs.fetch, "u", many=60_000) for _ in range(8)]
    some = engine.submit(jobs.total.options(depends_on=parents[:1]))
    with engine.worker(concurrency=2):
        pages = [parent.result(deadline(60)) for parent in parents]
        assert some.wait(deadline(60)).reason is Reason.BAD_RESULT  # it is no int
        counts = [
            engine.submit(jobs.count.options(depends_on=[parent])) for parent in parents
        ]
        assert [count.result(deadline(60)) for count in counts] == [60_000] * 8
        named = {"left": parents[0], "right": parents[1]}
        added = engine.submit(jobs.add.options(depends_on=named))
        assert added.wait(deadline(60)).status is S
    assert len(pages) == 8


def test_a_failure_cancels_what_waits_and_a_rerun_goes_on_from_there(
    engine: Engine, tmp_path: Path
) -> None:
    flag = str(tmp_path / "flag")
    first, second, third = engine.submit_many(
        chain(jobs.fail_once.call(flag), jobs.total.call(), jobs.total.call())
    )
    with engine.worker(concurrency=2):
        with pytest.raises(JobCanceled):
            third.result(deadline(30))
        for handle in (second, third):
            job = engine.get(handle.id)
            assert (job.status, job.reason, job.attempt) == (C, Reason.PARENT, 0)
            assert first.id in engine.explain(handle.id)
        with pytest.raises(InvalidOption, match=first.id):
            engine.rerun(third.id)
        engine.rerun(first.id, dependents=True)
        again = [_rerun_of(engine, handle.id) for handle in (first, second, third)]
        ended = [engine.wait(job.id, deadline(30)) for job in again]
    assert [job.status for job in ended] == [S] * 3
    assert ended[1].result == [7]


def _rerun_of(engine: Engine, job_id: str) -> Job:
    (found,) = [job for job in engine.search().items if job.rerun_of == job_id]
    return found


def test_with_run_it_starts_after_a_failure_and_gets_none(engine: Engine) -> None:
    fine, failed = engine.submit(jobs.fetch, "u"), engine.submit(jobs.fail)
    after = jobs.total.options(depends_on=[failed], on_parent_failure="run")
    handle = engine.submit(after)
    with engine.worker(concurrency=2):
        assert handle.result(deadline(30)) == [None]
        assert fine.wait(deadline(30)).status is S


def test_a_cancel_reaches_what_waits_without_a_worker(engine: Engine) -> None:
    first, second = engine.submit_many(chain(jobs.fail.call(), jobs.fail.call()))
    engine.cancel(first.id, reason="not needed", by="anna")
    assert engine.get(second.id).status is C
    assert engine.explain(second.id).endswith(
        f"Because job {first.id} is CANCELED (not needed)"
    )


def test_a_job_submits_jobs_that_depend_on_each_other(
    engine: Engine, tmp_path: Path
) -> None:
    path = str(tmp_path / "order")
    with engine.worker(concurrency=4):
        ids = engine.submit(jobs.submit_next, path=path).result(deadline(30))
        assert [engine.wait(job_id, deadline(30)).status for job_id in ids] == [S, S]
    assert Path(path).read_text().split() == ids


def test_a_graph_of_many_levels_runs_in_order(engine: Engine, tmp_path: Path) -> None:
    """Five levels of eight jobs; each depends on all of the level before."""
    path, levels = str(tmp_path / "order"), list[set[str]]()
    level: list[JobHandle[float]] = []
    for number in range(5):
        level = [
            engine.submit(
                jobs.note.options(depends_on=level, priority=number), path=path
            )
            for _ in range(8)
        ]
        levels.append({handle.id for handle in level})
    with engine.worker(concurrency=3), engine.worker(concurrency=3):
        until(lambda: all(handle.job().is_terminal for handle in level), deadline(60))
    order = Path(path).read_text().split()
    assert [set(order[n : n + 8]) for n in range(0, 40, 8)] == levels


def test_a_call_that_does_not_come_before_is_refused(engine: Engine) -> None:
    parents: list[Call[list[int | None]]] = []
    itself = jobs.total.options(depends_on=parents).call()
    parents.append(itself)
    with pytest.raises(InvalidOption, match="before it"):
        engine.submit_many([itself])
    with pytest.raises(InvalidOption, match="there is none"):
        engine.submit(jobs.total.options(depends_on=["nobody"]))
    assert engine.search().items == ()
