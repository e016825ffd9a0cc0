"""Threads that write in the order in which they came."""

import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial

import pytest
import sqlalchemy as sa

from interlock_adapters.sql.sqlite.write_queue import WriteQueue
from pace import deadline


def _queue_up(
    threads: ThreadPoolExecutor, turns: WriteQueue, done: Callable[[], object]
) -> Future[None]:
    """Let a thread wait for its turn, and return when it does."""
    before = len(turns._waiting)

    def write() -> None:
        with turns():
            done()

    waiting: Future[None] = threads.submit(write)
    while len(turns._waiting) == before:
        assert not waiting.done()
        time.sleep(0.001)
    return waiting


def test_a_turn_goes_to_who_has_waited_longest() -> None:
    turns, order = WriteQueue(30), list[str]()
    with ThreadPoolExecutor(4) as threads:
        with turns():
            for name in "bcd":
                _queue_up(threads, turns, partial(order.append, name))
        with turns():  # asks at once again, and is the last all the same
            order.append("a")
    assert order == ["b", "c", "d", "a"]


def test_who_waits_for_too_long_loses_no_turn_of_others() -> None:
    turns, done = WriteQueue(0.02), threading.Event()
    with ThreadPoolExecutor(2) as threads, turns():
        late = _queue_up(threads, turns, done.set)
        with pytest.raises(sa.exc.TimeoutError, match="another thread"):
            late.result(deadline(30))
        assert not turns._waiting
    with turns():
        assert not done.is_set()


def test_a_turn_that_comes_while_one_gives_up_is_for_the_next() -> None:
    turns, done = WriteQueue(30), threading.Event()
    with ThreadPoolExecutor(1) as threads:
        turns._take()
        _queue_up(threads, turns, done.set)
        turns._leave(threading.Lock())  # it was just handed over, and is in no queue
        assert done.wait(deadline(30))


def test_a_fork_does_not_wait_for_threads_that_it_has_not() -> None:
    turns = WriteQueue(30)
    with turns():
        pid = os.fork()
        if pid == 0:
            turns._most_s = 1
            with turns():
                os._exit(7)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7
