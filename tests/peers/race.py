"""Actors that are let go at the same moment, and a moment at which nobody writes."""

import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from threading import Barrier
from typing import TypeVar

import psycopg

from interlock import InterlockError
from pace import deadline

T = TypeVar("T")


def at_once(*acts: Callable[[], T]) -> list[T | InterlockError]:
    """Return what each of them returned, or the error that refused it."""
    start = Barrier(len(acts))

    def run(act: Callable[[], T]) -> T | InterlockError:
        start.wait(deadline(20))
        try:
            return act()
        except InterlockError as refused:
            return refused

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(run, acts))


@contextmanager
def nobody_writes(url: str) -> Iterator[None]:
    """Keep every worker out of its writes: what is stopped inside of one locks all."""
    if url.startswith("sqlite:"):
        path = url.removeprefix("sqlite:///")
        with closing(sqlite3.connect(path, timeout=20)) as file:
            file.execute("BEGIN IMMEDIATE")
            yield
    else:
        with psycopg.connect(url) as connection:
            connection.execute("LOCK TABLE interlock_job IN EXCLUSIVE MODE")
            yield
