"""Hot paths beside their raw limits, in one run: `make bench`.

The raw limit of isolated jobs is a bare zygote: a small process that imports nothing
and keeps four children forked ahead, one job each, then replaced. It has no store, no
supervisor, no timeout and no kill.
"""

import argparse
import os
import sqlite3
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import noop_jobs

from interlock import Engine, JobStatus

AHEAD = 4


def bare_zygote(many: int) -> float:
    """Return jobs per second of a bare pre-forked zygote, in a process of its own."""
    reader, writer = os.pipe()
    code = f"import runpy; runpy.run_path({str(Path(__file__).parent / 'bare.py')!r})"
    os.posix_spawn(
        sys.executable,
        [sys.executable, "-I", "-S", "-c", code, str(many), str(AHEAD)],
        os.environ,
        file_actions=[(os.POSIX_SPAWN_DUP2, writer, 1)],
    )
    os.close(writer)
    os.wait()
    return float(os.read(reader, 100))


def raw_commits(folder: Path, many: int) -> float:
    """Return durable single inserts per second of sqlite3 itself."""
    connection = sqlite3.connect(folder / "raw.db", isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("CREATE TABLE job (id INTEGER PRIMARY KEY, params TEXT)")
    started = time.perf_counter()
    for _ in range(many):
        connection.execute("INSERT INTO job (params) VALUES ('{}')")
    rate = many / (time.perf_counter() - started)
    connection.close()
    return rate


def submits(engine: Engine, many: int) -> float:
    """Return durable single submits per second."""
    started = time.perf_counter()
    for _ in range(many):
        engine.submit(noop_jobs.noop)
    return many / (time.perf_counter() - started)


def throughput(engine: Engine, many: int, concurrency: int) -> float:
    """Return jobs per second, submitted before, with a worker in this process."""
    done = engine.counts()[JobStatus.SUCCEEDED]
    engine.submit_many([noop_jobs.noop.call()] * many)
    with engine.worker(concurrency=concurrency) as worker:
        worker.ready.wait()
        started = time.perf_counter()
        while engine.counts()[JobStatus.SUCCEEDED] < done + many:
            time.sleep(0.05)
        return many / (time.perf_counter() - started)


def latencies(engine: Engine, many: int) -> tuple[list[float], list[float]]:
    """Return seconds from submit to start on an idle engine, and of a cancel."""
    import hostile_jobs  # noqa: PLC0415  (see there)

    starts, cancels = [], []
    with engine.worker(concurrency=2) as worker:
        worker.ready.wait()
        engine.submit(noop_jobs.noop).wait(20)
        for _ in range(many):
            sent = time.time()
            job = engine.submit(noop_jobs.noop).wait(20)
            starts.append(engine.attempts(job.id)[0].started_at.timestamp() - sent)
        for _ in range(many // 2):
            handle = engine.submit(hostile_jobs.family)
            while not engine.attempts(handle.id) or handle.job().attempt == 0:
                time.sleep(0.01)
            time.sleep(0.1)
            asked = time.perf_counter()
            engine.cancel(handle.id, wait=20)
            cancels.append(time.perf_counter() - asked)
    return starts, cancels


def _ms(values: list[float]) -> str:
    middle = statistics.median(values) * 1000
    return f"p50 {middle:.1f} ms, max {max(values) * 1000:.1f} ms of {len(values)}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=1000)
    parser.add_argument("--concurrency", type=int, default=16)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with Engine.open(f"sqlite:///{folder}/jobs.db") as engine:
            bare = bare_zygote(given.jobs)
            rate = throughput(engine, given.jobs, given.concurrency)
            again = bare_zygote(given.jobs)
            limit = statistics.mean((bare, again))
            print(f"isolated no-op jobs: {rate:.0f}/s; bare zygote {limit:.0f}/s")
            print(f"  ratio {rate / limit:.2f}")
            raw = raw_commits(folder, given.jobs)
            single = submits(engine, given.jobs)
            print(f"durable submits: {single:.0f}/s; raw commits {raw:.0f}/s")
            print(f"  ratio {single / raw:.2f}")
            starts, cancels = latencies(engine, 40)
            print(f"idle submit to started: {_ms(starts)}")
            print(f"cancel to CANCELED, grace 0, setsid grandchild: {_ms(cancels)}")


if __name__ == "__main__":
    main()
