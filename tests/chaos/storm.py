"""The storm: workers as real processes, jobs of all kinds, and random violence."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, ParamSpec, get_args

from e2e.processes import alive_of, below
from interlock import (
    DuplicateJob,
    Engine,
    IllegalTransition,
    InvalidOption,
    Job,
    JobStatus,
    Reason,
    Schedule,
    StoreUnavailable,
)
from interlock.core.schedule import Catchup, Overlap
from interlock.jobs.options import OnConflict, OnParentFailure
from interlock.jobs.registry import JobFunction
from pace import deadline

from . import chaos_jobs
from .judge import Evidence, judge
from .witness import Witness

_P = ParamSpec("_P")
LEASE_S = 2.0
BACKLOG = 100
WORKERS = 3
KINDS = (*["quick"] * 5, "slow", "failing", "hostile", "late", "patient", "patient")
TIMEOUT_S = 0.3
NAMES = (
    *[chaos_jobs.work] * 4,
    *(chaos_jobs.exclusive, chaos_jobs.few, chaos_jobs.stepped, chaos_jobs.stepped),
)
GROUPED = (chaos_jobs.keyed, chaos_jobs.latest, chaos_jobs.rated)
GROUPS = 20  # of exclusive jobs
SIGNALS = 2  # that a job with steps waits for
RATED = 3  # groups of a rate
SIDE = "side"  # a queue that is paused now and then
SHARE = 0.2  # of the jobs that go there, and of those that are due later
KEYS = ("left", "right")  # of jobs that may exist once
ON_CONFLICT: tuple[OnConflict, ...] = get_args(OnConflict)
ON_PARENT_FAILURE: tuple[OnParentFailure, ...] = get_args(OnParentFailure)
#: Catchup, overlap, and what its jobs are like.
SCHEDULES: Final[tuple[tuple[Catchup, Overlap, str], ...]] = (
    *(("all", "allow", "quick"), ("latest", "skip", "slow")),
    *(("skip", "allow", "failing"), ("latest", "replace", "hostile")),
)
UNUSABLE = 5  # the exit code of a command whose store cannot be used


class Storm:
    """One run on one database."""

    def __init__(
        self, url: str, folder: Path, seed: int, crash: Callable[[], None] | None
    ) -> None:
        self.url = url
        self.folder = folder
        self.rng = random.Random(seed)
        self.crash = crash
        self.done: Counter[str] = Counter()
        self.faults: list[str] = []
        self.ids: list[str] = []
        self.signals: dict[str, int] = {}  # that were sent to each job with steps
        self.witness = Witness(url, seed, self.ids)
        self._logs: dict[int, Path] = {}  # of workers, by their pid
        self.workers = [self._worker() for _ in range(WORKERS)]
        self.asleep: list[threading.Timer] = []  # each wakes a worker

    def _worker(self) -> subprocess.Popen[bytes]:
        program = [sys.executable, "-m", "interlock_adapters.cli.main", "worker"]
        options = ["--database", self.url, "--concurrency", "5"]
        log = self.folder / f"worker-{time.monotonic_ns()}.log"
        with log.open("wb") as said:
            worker = subprocess.Popen(
                [*program, "chaos.chaos_jobs", *options, "--lease", str(LEASE_S)],
                cwd=Path(__file__).parents[1],
                start_new_session=True,
                stderr=said,
            )
        self._logs[worker.pid] = log
        return worker

    def blow(self, seconds: float) -> None:
        """Submit and destroy for so long."""
        with Engine.open(self.url) as engine, self.witness:
            self._schedule(engine)
            until = time.monotonic() + seconds
            while time.monotonic() < until:
                try:
                    self._submit_some(engine)
                    self._signal(engine)
                    self._strike(engine)
                    if self.rng.random() < SHARE:
                        engine.resume(SIDE)
                except StoreUnavailable as error:
                    self.done["refused calls"] += 1
                    self.done[f"refused: {str(error)[-100:]}"] += 1
                self._mind()
                time.sleep(self.rng.uniform(0, 0.06))
        for timer in self.asleep:
            timer.join()

    def _schedule(self, engine: Engine) -> None:
        """Let the workers submit jobs too."""
        for catchup, overlap, kind in SCHEDULES:
            params = {"folder": str(self.folder), "kind": kind}
            engine.schedules.create(
                f"{catchup}-{overlap}",
                chaos_jobs.work,
                {**params, "seconds": 60.0 if kind == "hostile" else 0.5},
                schedule=Schedule(every="1s", catchup=catchup, overlap=overlap),
            )

    def _mind(self) -> None:
        """Start workers anew that could not start: the database was away just then."""
        for number, worker in enumerate(self.workers):
            code = worker.poll()
            if code is not None:
                self.done["starts in vain"] += 1
                if code != UNUSABLE:
                    said = self._logs[worker.pid].read_text(errors="replace")
                    what = f"it ended with {code}, and said: {said[-3000:]}"
                    self.faults.append(f"worker {worker.pid}: {what}")
                self.workers[number] = self._worker()

    def _submit_some(self, engine: Engine) -> None:
        """Keep the workers busy, and the backlog short: all is to end soon."""
        waiting = engine.counts()[JobStatus.PENDING]
        for _ in range(min(BACKLOG - waiting, self.rng.randint(1, 5))):
            self._submit(engine)

    def _submit(self, engine: Engine) -> None:
        kind = self.rng.choice(KINDS)
        work: Any
        seconds = self.rng.uniform(0.2, 1) if kind in {"slow", "hostile"} else 0.01
        work = self.rng.choice(NAMES)
        grouped = self.rng.choice(GROUPED)
        group = self.rng.randrange(RATED if grouped is chaos_jobs.rated else GROUPS)
        chosen: list[Any] = [(work, {}), (grouped, {"group": group})]
        work, params = self.rng.choice(chosen)
        if kind == "late":
            work, seconds = work.options(timeout=TIMEOUT_S), 60.0
        if self.rng.random() < SHARE:
            work = work.options(queue=SIDE, priority=1)
        if self.rng.random() < SHARE:
            ahead = timedelta(seconds=self.rng.uniform(0, LEASE_S))
            work = work.options(run_at=datetime.now(UTC) + ahead)
        if self.rng.random() < SHARE:
            work = work.options(deadline=self.rng.uniform(0.1, 5))
        if self.rng.random() < SHARE:
            work = self._unique(work)
        if self.rng.random() < SHARE and self.ids:
            parents = {self.rng.choice(self.ids[-30:]) for _ in range(2)}
            policy = self.rng.choice(ON_PARENT_FAILURE)
            work = work.options(depends_on=sorted(parents), on_parent_failure=policy)
            self.done[f"dependent: {policy}"] += 1
        parameters = {"kind": kind, "seconds": seconds, **params}
        try:
            handle = engine.submit(work, str(self.folder), **parameters)
        except DuplicateJob:
            self.done["duplicates"] += 1
            return
        self.ids.append(handle.id)
        if work.name == chaos_jobs.stepped.name:
            self.signals[handle.id] = 0
        self.done["jobs"] += 1

    def _signal(self, engine: Engine) -> None:
        """Send a signal to a job that is to get another one."""
        waiting = [job_id for job_id, many in self.signals.items() if many < SIGNALS]
        if waiting:
            job_id = self.rng.choice(waiting)
            number = len(engine.signals(job_id))  # one may be there, and not be told
            self.signals[job_id] = number
            if number < SIGNALS:
                self._send(engine, job_id, number)

    def _send(self, engine: Engine, job_id: str, number: int) -> None:
        try:
            engine.signal(job_id, "go", number, by="storm")
        except IllegalTransition:  # it has ended
            self.signals[job_id] = SIGNALS
        else:
            self.done["signals"] += 1
            self.signals[job_id] = number + 1

    def _unique(self, work: JobFunction[_P, int]) -> JobFunction[_P, int]:
        """Return the job with a key that others may have."""
        unique = work.options(
            unique_key=self.rng.choice(KEYS),
            unique_for=self.rng.uniform(0.1, 1),
            on_conflict=self.rng.choice(ON_CONFLICT[:3]),
        )
        if "run_at" in work.defaults or self.rng.random() < 1 / 2:
            return unique
        return unique.options(on_conflict="debounce")

    def _strike(self, engine: Engine) -> None:
        strike = self.rng.choices(
            ["none", "kill", "worker", "stall", "cancel", "pause", "hold", "crash"],
            [10, 6, 1, 0.5, 4, 0.5, 1, 0.1],
        )[0]
        number = self.rng.randrange(WORKERS)
        worker = self.workers[number]
        if strike == "kill":
            victims = below(worker.pid)
            if victims:
                self._kill(self.rng.choice(victims))
        elif strike == "worker":
            self._kill(worker.pid)
            worker.wait()
            self.workers[number] = self._worker()
        elif strike == "stall":
            self._stall(worker)
        elif strike == "cancel" and self.ids:
            mine = self.witness.cancel(engine, self._unwanted(engine))
            self.done["cancels"] += mine
        elif strike == "pause":
            self.done["pauses"] += 1
            engine.pause(SIDE)
        elif strike == "hold":
            self._hold(engine)
        elif strike == "crash" and self.crash is not None:
            self.done["crashes"] += 1
            self.crash()

    def _hold(self, engine: Engine) -> None:
        """Hold a waiting job, or a key, until a moment that comes soon."""
        waiting = [f"job:{job_id}" for job_id in self.ids[-20:]]
        target = self.rng.choice(["key:latest:0", "name:chaos.keyed", *waiting])
        until = datetime.now(UTC) + timedelta(seconds=self.rng.uniform(0.1, LEASE_S))
        with suppress(IllegalTransition, InvalidOption):  # it runs, or is held already
            engine.hold(target, by="storm", until=until)
            self.done["holds"] += 1

    def _unwanted(self, engine: Engine) -> str:
        """Return a job that runs just now, or one that is young."""
        running = engine.search(statuses=[JobStatus.RUNNING], limit=WORKERS * 5).items
        if running and self.rng.random() < 1 / 2:
            return self.rng.choice(running).id
        return self.rng.choice(self.ids[-20:])

    def _kill(self, pid: int) -> None:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            return
        self.done["kill -9"] += 1

    def _stall(self, worker: subprocess.Popen[bytes]) -> None:
        """Stop a worker for a while, and if it holds the database's lock, the storm."""
        worker.send_signal(signal.SIGSTOP)
        seconds = LEASE_S * self.rng.uniform(0.5, 1.5)
        timer = threading.Timer(seconds, worker.send_signal, [signal.SIGCONT])
        timer.start()
        self.asleep.append(timer)
        self.done["stalls"] += 1

    def calm(self, patience_s: float = 60) -> list[str]:
        """Let everything end, stop the workers, and return what the judge finds."""
        with Engine.open(self.url) as engine:
            engine.resume(SIDE)
            while any(many < SIGNALS for many in self.signals.values()):
                self._signal(engine)
            for info in engine.schedules.list():
                engine.schedules.pause(info.name)
                for job in _scheduled(engine, info.name):
                    if info.schedule.overlap == "replace" and not job.is_terminal:
                        engine.cancel(job.id)
            until = time.monotonic() + deadline(patience_s)
            while time.monotonic() < until and not self._ended(engine):
                self._mind()
                time.sleep(0.1)
            for worker in self.workers:
                worker.terminate()
            for worker in self.workers:
                worker.wait(deadline(20))
            schedules = engine.schedules.list()
            self.ids += [
                job.id for info in schedules for job in _scheduled(engine, info.name)
            ]
            self.ids += [
                job.id
                for parent_id in self.signals
                for job in engine.search(parent=parent_id, limit=1000).items
            ]
            jobs = {job_id: engine.get(job_id) for job_id in self.ids}
            journal = (self.folder / "journal").read_text().splitlines()
            evidence = Evidence(
                acknowledged=self.ids,
                jobs=jobs,
                histories={job_id: engine.history(job_id) for job_id in jobs},
                journal=journal,
                alive=alive_of(self.ids),
                calls=self.witness.calls,
                parents={
                    job.id: [
                        each.dependency.parent_id
                        for each in links(job.id)
                        if each.dependency.awaited_by is None
                    ]
                    for links in [engine.dependencies]
                    for job in jobs.values()
                    if job.dependencies
                },
                rates={f"rated:{group}": chaos_jobs.RATE for group in range(RATED)},
                schedules=schedules,
                ticks={s.name: engine.schedules.ticks(s.name, 1000) for s in schedules},
            )
            ticks = [tick for each in evidence.ticks.values() for tick in each]
            self.done.update(f"ticks {tick.outcome}" for tick in ticks)
            self.done["answers"] = sum(map(len, self.witness.calls.values()))
            self.done["rejections"] = len(engine.rejections())
            self.done.update(str(job.status) for job in jobs.values())
            self.done["abandoned"] += sum(
                job.reason is Reason.PARENT for job in jobs.values()
            )
            faults = [f"{fault.job_id}: {fault.what}" for fault in engine.verify()]
        return judge(evidence) + faults + self.faults

    def _ended(self, engine: Engine) -> bool:
        counts = engine.counts()
        return not any(
            count for status, count in counts.items() if not status.is_terminal
        )


def _scheduled(engine: Engine, name: str) -> list[Job]:
    """Return all jobs of a schedule."""
    found: list[Job] = []
    cursor = None
    while True:
        page = engine.search(schedule=name, limit=1000, cursor=cursor)
        found += page.items
        cursor = page.next_cursor
        if cursor is None:
            return found
