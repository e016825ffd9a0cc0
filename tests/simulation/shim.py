"""A simulated supervisor of one attempt, with the rule of the real one.

It kills its tree when it is told to, when its worker is gone, and when its lease
deadline comes; and it reports the end after the last process is dead.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

from interlock.core.job import Exit, Failure
from interlock.core.lifecycle import GAVE_BACK, Proof, Reason, StopCause
from interlock.core.observations import (
    ExitSeen,
    Launch,
    Observation,
    Output,
    PidSeen,
    TreeDead,
    Unconfirmed,
)
from interlock.core.progress import Progress

from .body import Body, Ports
from .jobs import ON_PURPOSE, STEPPED, label
from .processes import Process
from .trees import End, Forest, Tree

_DIES_S: Final = 0.4  # less than the smallest margin, 0.5 s: a kill kills
_UNCONFIRMED_S: Final = 5.0


class Shim:
    """See `Execution`. Its worker may be frozen; it never is."""

    def __init__(self, worker: Process, forest: Forest, launch: Launch) -> None:
        self._worker = worker
        self._world = worker.world
        self._forest = forest
        self._deadline = launch.lease_deadline
        self._observations: list[Observation] = []
        self._orders: list[Callable[[], None]] = []  # given before there was a tree
        self._orphan = False
        self._alive = True
        self._body: Body | None = None
        self.launch = launch
        self.tree: Tree | None = None
        self.done = False
        rng = self._world.rng
        hand_off_s = rng.choice([0.001, 0.001, 0.1, rng.uniform(0, 4)])
        self._world.after(hand_off_s, self._begin)

    def __str__(self) -> str:
        job = self.launch.job
        return f"{label(job)}/{job.attempt}"

    # What the worker sees and says.

    @property
    def supervised(self) -> bool:
        """See `Execution.supervised`."""
        return self.done or self._alive

    @property
    def has_news(self) -> bool:
        """Whether its descriptor would be readable."""
        return bool(self._observations)

    def fileno(self) -> int:
        """See `Execution.fileno`."""
        return -1

    def observe(self) -> list[Observation]:
        """See `Execution.observe`."""
        observations, self._observations = self._observations, []
        return observations

    def stop(self, cause: StopCause, grace_s: float) -> None:
        """See `Execution.stop`."""
        self._world.tell(f"{self} is told to stop: {cause}")
        self._order(partial(self._terminate, grace_s))

    def kill(self) -> None:
        """See `Execution.kill`."""
        self._order(partial(self._kill, "by order"))

    def reply(self, answer: Mapping[str, object]) -> None:
        """See `Execution.reply`."""
        if self._body is not None:
            delay_s = self._world.rng.uniform(0, 0.01)
            self._world.after(delay_s, partial(self._body.answer, answer))

    def extend(self, lease_deadline: float) -> None:
        """See `Execution.extend`."""
        self._deadline = lease_deadline

    # What the world does to it.

    def lose_worker(self) -> None:
        """Read the end of the link: the worker is gone."""
        self._orphan = True
        delay_s = self._world.rng.uniform(0, 0.2)
        self._world.after(delay_s, partial(self._kill, "its worker is gone"))

    def shoot(self) -> None:
        """Be killed with -9: whoever inherits the tree kills it."""
        if self._alive and not self.done:
            self._world.tell(f"{self} loses its shim")
            self._alive = False
            delay_s = self._world.rng.uniform(0, 0.2)
            self._world.after(delay_s, partial(self._kill, "its shim is gone"))

    # What it does by itself.

    def _begin(self) -> None:
        now = self._worker.clock.boot()
        if not self._alive or self._orphan or now >= self._deadline:
            self._report_death()
            return
        job = self.launch.job
        self._world.tell(f"{self} starts on {self._worker.name}")
        self.tree = self._forest.plant(job.id, job.name, job.attempt)
        self._see(PidSeen(pid=self.tree.pid))
        if job.name == STEPPED:
            ports = Ports(say=self._see, note=self._note, end=self._leave)
            self._body = Body(label(job), ports)
            self._body.start()
        else:
            self._work()
        self._fence()
        for order in self._orders:
            order()

    def _work(self) -> None:
        seconds = float(str(self.launch.job.params["seconds"]))
        self._world.after(seconds / 2, self._report_progress)
        self._world.after(seconds, self._end_by_itself)

    def _note(self, what: str) -> None:
        job = self.launch.job
        self._forest.journal.append(f"{what} {job.id} {job.attempt}")

    def _leave(self, failure: Failure | None) -> None:
        """Let the body end: the job ends or gives itself back, or has only to work."""
        if failure is None:
            self._work()
        else:
            how = End.GAVE_BACK if failure.reason in GAVE_BACK else End.FAILED
            seen = ExitSeen(exit=Exit(code=1), failure=failure)
            self._world.after(0, partial(self._exit, how, seen))

    def _fence(self) -> None:
        if self._worker.clock.boot() >= self._deadline:
            self._kill("its lease is over")
        elif not self.done:
            self._worker.clock.at(self._deadline, self._fence)

    def _report_progress(self) -> None:
        if self.tree is not None and self.tree.end is None:
            self._see(Output(stream="stdout", lines=("half",)))
            self._see(Progress(completed=0.5, total=1.0))

    def _end_by_itself(self) -> None:
        if self.tree is None or self.tree.end is not None:
            return
        job = self.launch.job
        if job.attempt <= int(str(job.params["snoozes"])):
            delay_s = self._world.rng.choice([0.0, 1.0, 20.0])
            asked = Failure(reason=Reason.SNOOZED, message="later", delay_s=delay_s)
            self._exit(End.GAVE_BACK, ExitSeen(exit=Exit(code=1), failure=asked))
            return
        if job.attempt > int(str(job.params["failures"])):
            self._exit(End.RETURNED, ExitSeen(exit=Exit(code=0), result=job.attempt))
            return
        failure = Failure(
            reason=Reason.ERROR,
            message=ON_PURPOSE,
            transient=bool(job.params["passing"]),
        )
        self._exit(End.FAILED, ExitSeen(exit=Exit(code=1), failure=failure))

    def _exit(self, how: End, seen: ExitSeen) -> None:
        """Let the main process end; what it left behind is swept."""
        if self.tree is not None and self.tree.end is None:
            self._world.tell(f"{self} {how.value}")
            self._end(how)
            self._see(seen)
            self._sweep()

    def _terminate(self, grace_s: float) -> None:
        self._world.after(grace_s, partial(self._kill, "its grace is over"))
        if not self.launch.job.params["stubborn"]:
            failure = Failure(reason=Reason.SIGNAL, signal=15, message="SIGTERM")
            seen = ExitSeen(exit=Exit(signal=15), failure=failure)
            delay_s = self._world.rng.uniform(0, grace_s)
            self._world.after(delay_s, partial(self._exit, End.FAILED, seen))

    def _kill(self, why: str) -> None:
        if self.tree is not None and self.tree.end is None:
            self._world.tell(f"{self} is killed: {why}")
            self._end(End.KILLED)
            self._sweep()

    def _end(self, how: End) -> None:
        if self._body is not None:
            self._body.kill()
        if self.tree is not None:
            self._forest.end(self.tree, how)

    def _sweep(self) -> None:
        rng = self._world.rng
        dies_s = rng.uniform(0, _DIES_S)
        if self._forest.stuck and rng.random() < 0.1:
            dies_s = rng.uniform(0, 60)
            self._world.after(_UNCONFIRMED_S, self._report_stuck)
        self._world.after(dies_s, self._bury)

    def _report_stuck(self) -> None:
        if not self.done:
            self._world.tell(f"{self} is killed, and does not die")
            self._see(Unconfirmed())

    def _bury(self) -> None:
        if self.tree is not None and self.tree.alive:
            self._forest.fell(self.tree)
            self._report_death()

    def _report_death(self) -> None:
        self.done = True
        self._see(TreeDead(proof=Proof.NAMESPACE))

    def _see(self, observation: Observation) -> None:
        self._observations.append(observation)
        self._worker.wake(self._world.rng.uniform(0, 0.01))

    def _order(self, order: Callable[[], None]) -> None:
        if self.tree is None:
            self._orders.append(order)
        else:
            self._world.after(self._world.rng.uniform(0, 0.01), order)
