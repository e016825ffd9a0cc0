"""What a worker does with time: deadlines of jobs, and how long it waits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

import pytest

from interlock.core.errors import StoreUnavailable
from interlock.core.job import Exit, Job, Move, NewJob
from interlock.core.lifecycle import Event, JobStatus, Proof, StopCause
from interlock.core.observations import (
    ExitSeen,
    Launch,
    Observation,
    Output,
    PidSeen,
    TreeDead,
)
from interlock.core.progress import Progress
from interlock.core.records import ClaimRequest, ProgressNote, Running
from interlock.jobs.registry import JobFunction
from interlock.ports.runner import Source, Wakeup
from interlock.testing.clock import ManualClock
from interlock.testing.inline import InlineRunner
from interlock.worker.loop import Worker
from interlock.worker.outbox import Outbox
from interlock.worker.reaper import loss
from interlock.worker.settings import WorkerSettings
from interlock_adapters.memory import MemoryStore

TIMEOUT_S: Final = 5.0
CLAIM_S: Final = 10.0


class Patience:
    """A `Wakeup` that waits for nothing, and remembers for how long it should have."""

    def __init__(self) -> None:
        self.asked: list[float] = []

    def wait(self, timeout_s: float, sources: Iterable[Source] = ()) -> bool:
        del sources
        self.asked.append(timeout_s)
        return False

    def wake(self) -> None:
        """Nobody waits."""

    def close(self) -> None:
        """Nothing is held."""


class SlowStore(MemoryStore):
    """A store that claims at once, and answers late."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__(clock)
        self.manual = clock
        self.patience = Patience()
        self.is_away = False
        self.empty_claim_s = 0.0

    def renew(
        self, worker_id: str, attempts: Mapping[str, int], lease: timedelta
    ) -> list[Running]:
        if self.is_away:
            raise StoreUnavailable("away")
        return super().renew(worker_id, attempts, lease)

    def claim(self, request: ClaimRequest) -> list[Job]:
        claimed = super().claim(request)
        self.manual.advance(CLAIM_S if claimed else self.empty_claim_s)
        return claimed

    def watch(self) -> Wakeup:
        return self.patience


class Held:
    """An execution that does what a test says."""

    supervised = True

    def __init__(self, launch: Launch) -> None:
        self.launch = launch
        self.seen: list[Observation] = [PidSeen(pid=1)]
        self.stops: list[StopCause] = []
        self.lease = launch.lease_deadline

    def fileno(self) -> int:
        return -1

    def observe(self) -> list[Observation]:
        seen, self.seen = self.seen, []
        return seen

    def stop(self, cause: StopCause, grace_s: float) -> None:
        del grace_s
        self.stops.append(cause)

    def reply(self, answer: Mapping[str, object]) -> None:
        raise NotImplementedError

    def kill(self) -> None:
        """Nobody asks for it."""

    def extend(self, lease_deadline: float) -> None:
        self.lease = lease_deadline


class Runner(InlineRunner):
    """A `Runner` whose jobs are held."""

    def __init__(self) -> None:
        self.held: list[Held] = []

    def start(self, launch: Launch) -> Held:
        self.held.append(Held(launch))
        return self.held[-1]

    def sources(self) -> Sequence[Source]:
        return ()


class BrokenRunner(Runner):
    """A `Runner` that fails at each look."""

    def tend(self) -> None:
        raise KeyError("what nobody expected")


def plain() -> None: ...


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def store(clock: ManualClock) -> SlowStore:
    store = SlowStore(clock)
    now = clock.now()
    new = NewJob(
        id="j",
        name="plain",
        params={},
        created_at=now,
        run_at=now,
        timeout_s=TIMEOUT_S,
    )
    store.add([new])
    return store


@pytest.fixture
def worker(store: SlowStore, clock: ManualClock) -> Worker:
    jobs = {"plain": JobFunction(function=plain, name="plain")}
    settings = WorkerSettings(concurrency=1, lease=100)
    return Worker(store, Runner(), jobs, settings, clock)


def _held(worker: Worker) -> Held:
    worker.turn()
    runner = worker._runner
    assert isinstance(runner, Runner)
    return runner.held[0]


def test_an_error_of_the_runner_keeps_no_lease_from_being_renewed(
    store: SlowStore, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    runner = BrokenRunner()
    jobs = {"plain": JobFunction(function=plain, name="plain")}
    settings = WorkerSettings(concurrency=1, lease=100)
    worker = Worker(store, runner, jobs, settings, clock)
    worker.turn()
    before = runner.held[0].lease
    clock.advance(40)
    worker.turn()
    assert runner.held[0].lease > before
    assert caplog.messages == ["This worker goes on after an error."]


def test_a_worker_that_cannot_take_its_leave_ends(
    worker: Worker,
    store: SlowStore,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def refuse(_worker_id: str) -> None:
        raise LookupError("not the database's usual words")

    monkeypatch.setattr(store, "forget_worker", refuse)
    worker.stop()
    worker.run()
    assert "stays listed for a while: not the" in caplog.text


def test_a_store_that_answers_late_takes_nothing_from_a_timeout(
    worker: Worker, store: SlowStore, clock: ManualClock
) -> None:
    held = _held(worker)
    assert held.launch.deadline_at == clock.now() + timedelta(seconds=TIMEOUT_S)
    clock.advance(TIMEOUT_S - 0.1)
    worker.turn()
    assert (held.stops, store.get("j").stop_cause) == ([], None)
    clock.advance(0.1)
    worker.turn()
    assert held.stops == [StopCause.TIMEOUT]


def test_a_store_that_answers_late_takes_from_the_lease(
    worker: Worker, clock: ManualClock
) -> None:
    asked_at = clock.boot()
    assert _held(worker).launch.lease_deadline == asked_at + 100 - 20


def test_a_worker_waits_while_what_an_exited_job_left_behind_is_swept(
    worker: Worker, store: SlowStore, clock: ManualClock
) -> None:
    held = _held(worker)
    held.seen.append(ExitSeen(exit=Exit(code=0)))
    clock.advance(TIMEOUT_S + 1)
    for _ in range(5):
        worker.turn()
    assert store.get("j").status is JobStatus.RUNNING
    assert store.patience.asked[-1] > 0


def test_nothing_is_claimed_for_a_runner_that_cannot_start_it(
    worker: Worker, store: SlowStore
) -> None:
    runner = worker._runner
    assert isinstance(runner, Runner)
    runner.is_ready = False
    for _ in range(3):
        worker.turn()
    assert store.get("j").status is JobStatus.PENDING
    assert store.patience.asked[-1] > 0
    runner.is_ready = True
    store.manual.advance(2)
    worker.turn()
    assert store.get("j").status is JobStatus.RUNNING


def test_a_job_that_becomes_due_during_a_claim_does_not_wait_for_the_next_poll(
    clock: ManualClock,
) -> None:
    store = SlowStore(clock)
    store.empty_claim_s = 0.002
    now = clock.now()
    due = now + timedelta(seconds=0.001)
    new = NewJob(id="d", name="plain", params={}, created_at=now, run_at=due)
    store.add([new])
    jobs = {"plain": JobFunction(function=plain, name="plain")}
    worker = Worker(store, Runner(), jobs, WorkerSettings(concurrency=1), clock)
    worker.turn()
    assert store.get("d").status is JobStatus.PENDING
    worker.turn()
    assert store.patience.asked[-1] == 0
    assert store.get("d").status is JobStatus.RUNNING


@pytest.mark.parametrize(("ends", "pauses"), [(8, [0.005]), (1, [])])
def test_where_jobs_end_in_groups_a_worker_lets_more_of_them_end(
    clock: ManualClock, ends: int, pauses: list[float]
) -> None:
    store, runner, now = SlowStore(clock), Runner(), clock.now()
    store.add(
        [
            NewJob(id=f"g{i}", name="plain", params={}, created_at=now, run_at=now)
            for i in range(40)
        ]
    )
    jobs = {"plain": JobFunction(function=plain, name="plain")}
    worker = Worker(store, runner, jobs, WorkerSettings(concurrency=32), clock)
    worker.turn()
    for held in runner.held[:ends]:
        ended = (ExitSeen(exit=Exit(code=0)), TreeDead(proof=Proof.NAMESPACE))
        held.seen.extend(ended)
    worker.turn()
    assert len(runner.held) == 32 + ends
    before = len(store.patience.asked)
    worker.turn()
    assert store.patience.asked[before + 1 :] == pauses


def test_what_an_attempt_used_is_stored_with_its_end(
    worker: Worker, store: SlowStore
) -> None:
    dead = TreeDead(proof=Proof.NAMESPACE, cpu_seconds=1.5, peak_memory_bytes=2_000_000)
    _held(worker).seen += [ExitSeen(exit=Exit(code=0)), dead]
    worker.turn()
    (attempt,) = store.attempts("j")
    assert attempt.proof is Proof.NAMESPACE
    assert (attempt.cpu_seconds, attempt.peak_memory_bytes) == (1.5, 2_000_000)


def test_a_cancel_is_found_by_polling_if_its_wake_up_was_lost(
    worker: Worker, store: SlowStore, clock: ManualClock
) -> None:
    held = _held(worker)
    now = clock.now()
    store.apply(
        Move(job_id="j", event=Event.REQUEST_CANCEL, now=now, actor="anna", text="no")
    )
    for _ in range(2):
        clock.advance(1)
        worker.turn()
    assert held.stops == [StopCause.CANCEL]


def test_a_worker_says_how_long_its_lease_is(worker: Worker, store: SlowStore) -> None:
    worker._registration.beat()
    assert [seen.lease_s for seen in store.workers()] == [100]


def test_a_worker_tells_its_memory_and_measures_it_now_and_then(
    worker: Worker,
    store: SlowStore,
    clock: ManualClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sizes = iter([10, 20, 30])

    def measure() -> int:
        clock.advance(0.1)  # that long it takes
        return next(sizes)

    monkeypatch.setattr(worker._runner, "memory_bytes", measure)
    told = []
    for after_s in (0, 4, 2, 5, 5):
        clock.advance(after_s)
        worker._registration.beat()
        told.append(store.workers()[0].memory_bytes)
    assert told == [10, 10, 10, 20, 20]  # not at once after 5 s: 1 % at most


def test_workers_that_were_killed_long_ago_are_forgotten(
    worker: Worker, store: SlowStore, clock: ManualClock
) -> None:
    worker._registration.beat()
    (row,) = store.workers()
    store.see_worker(replace(row, id="old"))
    clock.advance(3 * 86_400)
    store.see_worker(replace(row, id="young", seen_at=clock.now()))
    worker._reaper.reap(clock.now(), store.needs(now=clock.now()))
    assert {seen.id for seen in store.workers()} == {"young"}


def test_notes_are_stored_bit_by_bit_and_an_end_waits_for_all_of_its_lines() -> None:
    """Who writes for long renews no lease."""
    outbox = Outbox("namespace")
    now = datetime(2026, 1, 1, tzinfo=UTC)
    flood, ending, short = (_running(job_id) for job_id in ("flood", "ending", "short"))
    outbox.take(flood, Output(stream="stdout", lines=("x",) * 5000), now)
    outbox.take(ending, Output(stream="stdout", lines=("y",) * 3000), now)
    outbox.take(short, Output(stream="stdout", lines=("z",) * 100), now)
    stored: list[str] = []
    for turn in range(5):
        writable = outbox.writable(["ending"] if turn < 2 else ["short"][turn - 2 :])
        notes = outbox.due(now=turn, moving=writable)
        assert len(notes) <= 2000
        stored.append(" ".join(sorted({note.job_id for note in notes} | writable)))
        outbox.stored(notes, now=turn)
    assert stored == ["ending", "ending flood", "flood short", "flood", "flood"]
    assert outbox.due_at() == float("inf")


def test_an_end_that_waits_for_its_lines_is_due_at_once() -> None:
    outbox = Outbox("namespace")
    now = datetime(2026, 1, 1, tzinfo=UTC)
    outbox.take(_running("a"), Output(stream="stdout", lines=("x",) * 2001), now)
    assert outbox.writable(["a"]) == set()
    assert outbox.due_at() == 0.0


def test_only_the_last_report_of_a_job_is_stored() -> None:
    outbox = Outbox("namespace")
    now = datetime(2026, 1, 1, tzinfo=UTC)
    for count in range(3):
        outbox.take(_running("a"), Progress(completed=count), now)
    notes = outbox.due(now=1, moving=())
    last = ProgressNote(job_id="a", attempt=0, progress=Progress(completed=2))
    assert notes == [last]
    outbox.take(_running("a"), Progress(completed=3), now)
    outbox.stored(notes, now=1)
    (newer,) = outbox.due(now=2, moving=())
    assert isinstance(newer, ProgressNote)
    assert newer.progress.completed == 3


def _running(job_id: str) -> Job:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    return Job(id=job_id, name="n", params={}, created_at=now, run_at=now)


def test_a_renewal_that_failed_is_tried_again_as_soon_as_the_store_answers(
    worker: Worker, store: SlowStore, clock: ManualClock
) -> None:
    held = _held(worker)
    clock.advance(34)  # a third of the lease, and more
    store.is_away = True
    worker.turn()
    store.is_away = False
    clock.advance(1)
    asked_at = clock.boot()
    worker.turn()
    assert held.lease == asked_at + 100 - 20


def test_an_attempt_that_is_let_go_of_is_watched_until_it_is_dead(
    worker: Worker, store: SlowStore, clock: ManualClock
) -> None:
    """Or its runner would hold its descriptors for ever."""
    held = _held(worker)
    rescue = loss(store.get("j"), now=clock.now(), actor="r", domain_empty=True)
    store.apply(rescue)
    late = Held(held.launch)
    worker._attempts.all["j"].execution = late
    clock.advance(TIMEOUT_S + 1)
    worker.turn()
    assert late in worker._attempts.sources()
    late.seen.append(TreeDead(proof=Proof.NAMESPACE))
    worker.turn()
    assert late not in worker._attempts.sources()
