"""What jobs that wait for jobs cost, beside plain ones: microseconds a job.

`python bench/family.py [--postgres URL] [--jobs N]`: a chain of N jobs, a job with N
children, and a job that waits for N others: submitted, run and canceled. A chain runs
one job after the other: compare it with plain jobs on one slot.
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import noop_jobs
import sqlalchemy as sa

from interlock import Engine, chain

_SLOTS = 8
_BUNCH = 500


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--postgres", help="URL of a server's database, for new ones")
    parser.add_argument("--jobs", type=int, default=10_000)
    chosen = parser.parse_args()
    for opened in (_sqlite, _postgres)[: 2 if chosen.postgres else 1]:
        for measure in (_plain, _chain, _children, _parents):
            measure(partial(opened, chosen.postgres), chosen.jobs)


@contextmanager
def _sqlite(_url: object) -> Iterator[Engine]:
    with (
        tempfile.TemporaryDirectory() as folder,
        Engine.open(f"sqlite:///{folder}/jobs.db") as engine,
    ):
        yield engine


@contextmanager
def _postgres(url: str) -> Iterator[Engine]:
    where = sa.make_url(url)
    server = sa.create_engine(
        where.set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT"
    )
    name = f"bench_{time.time_ns()}"
    with server.connect() as connection:
        connection.execute(sa.text(f"CREATE DATABASE {name}"))
        try:
            with Engine.open(
                where.set(database=name).render_as_string(hide_password=False)
            ) as engine:
                yield engine
        finally:
            connection.execute(sa.text(f"DROP DATABASE {name} WITH (FORCE)"))


def _told(what: str, jobs: int, act: Callable[[], object]) -> None:
    started = time.perf_counter()
    act()
    print(f"{what}: {(time.perf_counter() - started) / jobs * 1e6:.0f} us", flush=True)


def _ended(engine: Engine, **options: Any) -> None:
    """Run a worker until nothing is left; one of another queue only cancels."""
    with engine.worker(**options):
        while any(not s.is_terminal and n for s, n in engine.counts().items()):
            time.sleep(0.05)


def _submitted(engine: Engine, jobs: int) -> list[Any]:
    calls = [noop_jobs.noop.call() for _ in range(jobs)]
    return [
        handle
        for first in range(0, jobs, _BUNCH)
        for handle in engine.submit_many(calls[first : first + _BUNCH])
    ]


def _plain(opened: Any, jobs: int) -> None:
    with opened() as engine:
        _told("plain, submit", jobs, lambda: _submitted(engine, jobs))
        _told("plain, run", jobs, lambda: _ended(engine, concurrency=_SLOTS))
        few = jobs // 10
        _submitted(engine, few)
        _told("plain, run on one slot", few, lambda: _ended(engine, concurrency=1))
        _submitted(engine, jobs)
        name = noop_jobs.noop.name
        _told("plain, cancel in bulk", jobs, lambda: engine.cancel_all(name=name))
        some = _submitted(engine, few)
        _told("plain, cancel each", few, lambda: [each.cancel() for each in some])


def _chain(opened: Any, jobs: int) -> None:
    calls = chain(*(noop_jobs.noop.call() for _ in range(jobs)))
    with opened() as engine:
        _told("chain, submit", jobs, lambda: engine.submit_many(calls))
        _told("chain, run", jobs, lambda: _ended(engine, concurrency=1))
        first = engine.submit_many(calls)[0]

        def cancel() -> None:
            first.cancel()
            _ended(engine, queues=["none"])

        _told("chain, cancel its first", jobs, cancel)


def _children(opened: Any, jobs: int) -> None:
    with opened() as engine:
        engine.submit(noop_jobs.family, jobs)
        _told(
            "children, submit and run",
            jobs,
            lambda: _ended(engine, concurrency=_SLOTS),
        )
        with engine.worker(concurrency=1):
            parent = engine.submit(noop_jobs.family, jobs, seconds=600.0)
            while not any(engine.search(parent=parent.id, limit=1).items):
                time.sleep(0.05)

            def cancel() -> None:
                parent.cancel()
                while any(not s.is_terminal and n for s, n in engine.counts().items()):
                    time.sleep(0.05)

            _told("children, cancel their parent", jobs, cancel)


def _parents(opened: Any, jobs: int) -> None:
    with opened() as engine:

        def submit() -> None:
            parents = _submitted(engine, jobs)
            engine.submit(noop_jobs.noop.options(depends_on=parents))

        _told("parents, submit", jobs, submit)
        _told("parents, run", jobs, lambda: _ended(engine, concurrency=_SLOTS))
        submit()

        def cancel() -> None:
            engine.cancel_all(name=noop_jobs.noop.name)
            _ended(engine, queues=["none"])

        _told("parents, cancel all", jobs, cancel)


if __name__ == "__main__":
    main()
