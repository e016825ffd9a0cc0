"""How late ticks are submitted and their jobs started, beside how many schedules.

`python bench/ticks.py [--postgres URL] [--seconds N]`: one worker in this process; each
schedule is due every 5 seconds, all of them at the same moments.
"""

import argparse
import statistics
import tempfile
import time

import noop_jobs

from interlock import Engine, Schedule

COUNTS = (1, 20, 200)
STEP_S = 5


def measured(engine: Engine, seconds: float) -> tuple[list[float], list[float]]:
    """Return the milliseconds from each tick to its row, and to its job's start."""
    with engine.worker(concurrency=4) as worker:
        worker.ready.wait()
        time.sleep(seconds)
    rows, starts = [], []
    for info in engine.schedules.list():
        for tick in engine.schedules.ticks(info.name):
            rows.append((tick.at - tick.due_at).total_seconds() * 1000)
            started_at = engine.get(tick.job_id or "").started_at
            if started_at is not None:
                starts.append((started_at - tick.due_at).total_seconds() * 1000)
    return rows, starts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--postgres", help="URL of an empty database")
    parser.add_argument("--seconds", type=float, default=31)
    chosen = parser.parse_args()
    for kind in ("SQLite", "PostgreSQL")[: 2 if chosen.postgres else 1]:
        for count in COUNTS:
            with tempfile.TemporaryDirectory() as folder:
                is_sqlite = kind == "SQLite"
                url = f"sqlite:///{folder}/jobs.db" if is_sqlite else chosen.postgres
                with Engine.open(url) as engine:
                    _measure(engine, kind, count, chosen.seconds)


def _measure(engine: Engine, kind: str, count: int, seconds: float) -> None:
    schedule = Schedule(every=f"{STEP_S}s")
    names = [f"s{number}" for number in range(count)]
    with engine.together():
        for name in names:
            engine.schedules.create(name, noop_jobs.noop, schedule=schedule)
    rows, starts = measured(engine, seconds)
    told = [
        f"{what} p50 {statistics.median(each):.1f} ms (max {max(each):.0f})"
        for what, each in (("decided", rows), ("started", starts))
    ]
    print(f"{kind}, {count} schedules, {len(rows)} ticks: {', '.join(told)}")
    for name in names:
        engine.schedules.delete(name)
    engine.delete_all(name=noop_jobs.noop.name)


if __name__ == "__main__":
    main()
