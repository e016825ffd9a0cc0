"""Queues of a worker share its starts by their weights."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from interlock import Engine, InvalidOption, JobStatus, WorkerSettings
from interlock.worker.queue_turns import QueueTurns


def _started(turns: QueueTurns, present: set[str], many: int, at_once: int) -> str:
    """Return the queues of the next starts, if these have endless jobs."""
    started = ""
    while len(started) < many:
        some = []
        for queue, share in turns.shares(at_once).items():
            if queue in present:
                some += [queue] * share
            else:
                turns.had_nothing(queue)
        spare = at_once - len(some)
        some += sorted(present)[:1] * spare
        turns.started(some)
        started += "".join(some)
    return started


@pytest.mark.parametrize("at_once", [1, 4])
def test_each_queue_has_its_share(at_once: int) -> None:
    turns = QueueTurns({"a": 3, "b": 1})
    assert Counter(_started(turns, {"a", "b"}, 40, at_once)) == {"a": 30, "b": 10}


def test_a_queue_that_had_nothing_saves_nothing_up() -> None:
    turns = QueueTurns({"a": 1, "b": 1})
    assert set(_started(turns, {"a"}, 100, 1)) == {"a"}
    later = Counter(_started(turns, {"a", "b"}, 20, 1))
    assert later["b"] <= 11


def test_weights_are_checked() -> None:
    assert WorkerSettings(queues={"a": 2}).queue_names == frozenset({"a"})
    for weight in (0, 1001, 1.5, True):
        with pytest.raises(InvalidOption, match=r"queues\['a'\]"):
            WorkerSettings(queues={"a": weight})  # type: ignore[dict-item]  # wrong on purpose


def test_a_worker_starts_by_weights(tmp_path: Path) -> None:
    from e2e import sample_jobs as jobs  # noqa: PLC0415  (registers its jobs)
    from e2e.processes import until  # noqa: PLC0415  (the same)

    with Engine.open(f"sqlite:///{tmp_path}/jobs.db") as engine:
        for queue in "ab":
            for number in range(20):
                engine.submit(jobs.add.options(queue=queue), number)
        with engine.worker(concurrency=1, queues={"a": 3, "b": 1}):
            until(lambda: not engine.counts()[JobStatus.PENDING])
        ended = sorted(
            engine.search(limit=100).items, key=lambda job: job.started_at or job.run_at
        )
        assert Counter(job.queue for job in ended[:16]) == {"a": 12, "b": 4}
