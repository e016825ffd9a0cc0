"""Queues of a worker share its starts by their weights."""

from __future__ import annotations

from collections import Counter

import pytest

from interlock import InvalidOption, WorkerSettings
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
