"""Hot paths beside their raw limits, in one run: `make bench`.

The raw limit of isolated jobs is a bare zygote: a process that keeps four children
forked ahead, one job each, then replaced. It has no store, supervisor, timeout
and no kill. It is measured twice: when it has imported nothing, and when it has
imported the job's module, as whoever is to run the job must: a fork costs what its
parent's memory weighs.
"""

import argparse
import os
import random
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import noop_jobs

from interlock import Engine, JobStatus
from interlock.jobs.registry import JobFunction

HERE = Path(__file__).parent
AHEAD = 4
ROUNDS = 5


def bare_zygote(count: int, *, module: str | None = None) -> float:
    """Return jobs per second of a bare pre-forked zygote, in a process of its own."""
    reader, writer = os.pipe()
    code = f"import runpy; runpy.run_path({str(HERE / 'bare.py')!r})"
    flags = ["-I", "-S"]
    if module is not None:
        code, flags = f"import {module}; {code}", []
    os.posix_spawn(
        sys.executable,
        [sys.executable, *flags, "-c", code, str(count), str(AHEAD)],
        {**os.environ, "PYTHONPATH": str(HERE)},
        file_actions=[(os.POSIX_SPAWN_DUP2, writer, 1)],
    )
    os.close(writer)
    os.wait()
    return float(os.read(reader, 100))


def raw_commits(folder: Path, count: int) -> float:
    """Return durable single inserts per second of sqlite3 itself."""
    connection = sqlite3.connect(folder / "raw.db", isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("CREATE TABLE job (id INTEGER PRIMARY KEY, params TEXT)")
    started = time.perf_counter()
    for _ in range(count):
        connection.execute("INSERT INTO job (params) VALUES ('{}')")
    rate = count / (time.perf_counter() - started)
    connection.close()
    return rate


def submits(engine: Engine, count: int) -> float:
    """Return durable single submits per second."""
    started = time.perf_counter()
    for _ in range(count):
        engine.submit(noop_jobs.noop)
    return count / (time.perf_counter() - started)


@contextmanager
def worker(engine: Engine, url: str, module: str, concurrency: int) -> Iterator[None]:
    """Run `interlock worker` in a process of its own, as people do."""
    program = [sys.executable, "-m", "interlock_adapters.cli.main", "worker", module]
    options = ["--database", url, "--concurrency", str(concurrency)]
    process = subprocess.Popen(
        [*program, *options], cwd=HERE, stderr=subprocess.DEVNULL
    )
    while not engine.workers():
        time.sleep(0.05)
    time.sleep(1)  # it has forked ahead
    try:
        yield
    finally:
        process.terminate()
        process.wait()


def throughput(  # noqa: PLR0917  (a benchmark)
    engine: Engine,
    url: str,
    count: int,
    concurrency: int,
    module: str = "noop_jobs",
    job: JobFunction[[], int] = noop_jobs.noop,
) -> float:
    """Return jobs per second of one worker, from the submit of all to the last end."""
    with worker(engine, url, module, concurrency):
        end = engine.counts()[JobStatus.SUCCEEDED] + count
        started = time.perf_counter()
        engine.submit_many([job.call()] * count)
        while engine.counts()[JobStatus.SUCCEEDED] < end:
            time.sleep(0.05)  # seldom: looking costs the worker's time
        return count / (time.perf_counter() - started)


def isolated(engine: Engine, url: str, count: int, concurrency: int) -> None:
    """Print the rate beside the raw limits. Machines change their pace: in turns."""
    rates: list[float] = []
    bare: list[float] = []
    same: list[float] = []
    for _ in range(ROUNDS):
        bare.append(bare_zygote(count))
        rates.append(throughput(engine, url, count, concurrency))
        same.append(bare_zygote(count, module="noop_jobs"))
    rate = statistics.median(rates)
    print(f"isolated no-op jobs: {rate:.0f}/s, the median of {ROUNDS} rounds")
    for label, limits in (("of nothing", bare), ("with the job's module", same)):
        limit = statistics.median(limits)
        print(f"  bare zygote {label}: {limit:.0f}/s; ratio {rate / limit:.2f}")


def starts(engine: Engine, url: str, count: int) -> list[float]:
    """Return seconds from submit to start on an idle engine."""
    durations = []
    with worker(engine, url, "noop_jobs", 2):
        for _ in range(count):
            sent = time.time()
            job = engine.submit(noop_jobs.noop).wait(20)
            durations.append(engine.attempts(job.id)[0].started_at.timestamp() - sent)
    return durations


def cancels(engine: Engine, url: str, count: int) -> list[float]:
    """Return seconds from a cancel to CANCELED, of a job with a setsid grandchild."""
    import hostile_jobs  # noqa: PLC0415  (see there)

    durations = []
    with worker(engine, url, "hostile_jobs", 2):
        for _ in range(count):
            handle = engine.submit(hostile_jobs.family)
            while not engine.attempts(handle.id) or handle.job().attempt == 0:
                time.sleep(0.01)
            time.sleep(random.uniform(0.05, 0.4))  # in no step with its worker
            started = time.perf_counter()
            engine.cancel(handle.id, wait=20)
            durations.append(time.perf_counter() - started)
    return durations


def _ms(values: list[float]) -> str:
    middle = statistics.median(values) * 1000
    return f"p50 {middle:.1f} ms, max {max(values) * 1000:.1f} ms of {len(values)}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=4000)
    parser.add_argument("--concurrency", type=int, default=32)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        url = f"sqlite:///{name}/jobs.db"
        with Engine.open(url) as engine:
            isolated(engine, url, options.jobs, options.concurrency)
            raw = raw_commits(Path(name), options.jobs)
            single = submits(engine, options.jobs)
            print(f"durable submits: {single:.0f}/s; raw commits {raw:.0f}/s")
            print(f"  ratio {single / raw:.2f}")
        url = f"sqlite:///{name}/idle.db"
        with Engine.open(url) as engine:
            print(f"idle submit to started: {_ms(starts(engine, url, 40))}")
            cancel_ms = _ms(cancels(engine, url, 20))
            print(f"cancel to CANCELED, grace 0, setsid grandchild: {cancel_ms}")


if __name__ == "__main__":
    main()
