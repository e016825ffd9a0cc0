"""The contract of every `Runner`, as a test class to inherit.

Test a runner like this:

    class TestMyRunner(RunnerContract):
        @pytest.fixture
        def runner(self) -> Iterator[Runner]:
            runner = my_adapter.open_runner(
                modules=[runner_jobs.__name__], main=None, ahead=2
            )
            yield runner
            runner.close()

For a runner that cannot prove death, set `proves_death = False`. The suite then skips
the tests of processes that leave their session.
"""

import itertools
import select
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from interlock.core.job import Exit, Job
from interlock.core.lifecycle import Reason, StopCause
from interlock.core.observations import (
    ExitSeen,
    Launch,
    Observation,
    Output,
    PidSeen,
    TreeDead,
)
from interlock.core.progress import Progress
from interlock.core.retry import Retry
from interlock.ports.clock import boot
from interlock.ports.runner import Execution, Runner

_PATIENCE_S = 20.0
_ids = itertools.count(1)


@dataclass(slots=True)
class Watched:
    """An execution, and what was seen of it."""

    runner: Runner
    execution: Execution
    seen: list[Observation] = field(default_factory=list[Observation])

    def until(
        self, condition: Callable[[], object], seconds: float = _PATIENCE_S
    ) -> None:
        """Tend the runner until a condition holds; fail when the time is over."""
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, f"not in time; seen: {self.seen}"
            poll = select.poll()
            for source in (*self.runner.sources(), self.execution):
                if source.fileno() >= 0:
                    poll.register(source.fileno(), select.POLLIN)
            poll.poll(10)
            self.runner.tend()
            self.seen += self.execution.observe()

    @property
    def dead(self) -> bool:
        """Whether its tree is said to be dead."""
        return any(isinstance(observation, TreeDead) for observation in self.seen)

    def end(self) -> ExitSeen:
        """Wait for its death; return its exit."""
        self.until(lambda: self.dead)
        (exit_seen,) = (
            observation
            for observation in self.seen
            if isinstance(observation, ExitSeen)
        )
        return exit_seen


def _grows(path: Path) -> bool:
    before = path.stat().st_size
    time.sleep(0.2)
    return path.stat().st_size > before


class RunnerContract:
    """Inherit and give a `runner` fixture that knows `runner_jobs`."""

    proves_death = True

    def start(
        self, runner: Runner, name: str, lease_s: float = 60, /, **params: object
    ) -> Watched:
        """Have a runner start one attempt."""
        now = datetime.now(UTC)
        job = Job(
            id=f"{next(_ids):032x}",
            name=f"contract.{name}",
            params=params,
            created_at=now,
            run_at=now,
            attempt=3,
            retry=Retry(max_attempts=2, on=()),
        )
        launch = Launch(
            job=job,
            lease_deadline=boot() + lease_s,
            deadline_at=now + timedelta(hours=1),
        )
        return Watched(runner, runner.start(launch))

    def test_a_result_comes_back(self, runner: Runner) -> None:
        value = {"a": [1, 2.5, None, True, "ü"]}
        watched = self.start(runner, "answer", value=value)
        exit_seen = watched.end()
        assert (exit_seen.exit, exit_seen.result, exit_seen.failure) == (
            Exit(code=0),
            value,
            None,
        )

    def test_death_is_told_once_and_last(self, runner: Runner) -> None:
        watched = self.start(runner, "answer", value=1)
        watched.end()
        for _ in range(3):
            runner.tend()
            watched.seen += watched.execution.observe()
        kinds = [type(observation) for observation in watched.seen]
        assert kinds == [PidSeen, ExitSeen, TreeDead]

    def test_a_job_knows_what_it_is(self, runner: Runner) -> None:
        watched = self.start(runner, "tell")
        job_id = f"{next(_ids) - 1:032x}"
        assert watched.end().result == [job_id, "contract.tell", 3, "3"]

    @pytest.mark.parametrize("transient", [True, False])
    def test_an_error_is_told_with_its_traceback(
        self, runner: Runner, *, transient: bool
    ) -> None:
        failure = self.start(runner, "fail", transient=transient).end().failure
        assert failure is not None
        assert (failure.reason, failure.transient) == (Reason.ERROR, transient)
        assert "Traceback" in (failure.traceback or "")

    @pytest.mark.parametrize(
        ("name", "params", "reason"),
        [
            ("leave", {"code": 7}, Reason.EXIT_CODE),
            ("leave", {"code": 0}, Reason.BAD_RESULT),
            ("crash", {}, Reason.SIGNAL),
            ("answer", {"value": "x" * 1_100_000}, Reason.BAD_RESULT),
            ("nothing", {"error": 1}, Reason.SPAWN_ERROR),
        ],
    )
    def test_every_other_end_is_a_precise_failure(
        self, runner: Runner, name: str, params: dict[str, object], reason: Reason
    ) -> None:
        failure = self.start(runner, name, **params).end().failure
        assert failure is not None
        assert failure.reason is reason

    def test_output_and_progress_come_before_the_end(self, runner: Runner) -> None:
        watched = self.start(runner, "talk", lines=50)
        watched.end()
        lines = [
            line
            for observation in watched.seen
            if isinstance(observation, Output)
            for line in observation.lines
        ]
        assert lines == [f"line {number}" for number in range(50)]
        assert Progress(completed=50, total=50, unit="lines") in watched.seen

    def test_a_stopped_job_may_clean_up(self, runner: Runner, tmp_path: Path) -> None:
        watched = self.start(runner, "beat", folder=str(tmp_path), seconds=60)
        watched.until(Path(tmp_path, "beat").exists)
        watched.execution.stop(StopCause.TIMEOUT, 10)
        watched.end()
        assert Path(tmp_path, "stopped").read_text() == StopCause.TIMEOUT
        assert not _grows(tmp_path / "beat")

    @pytest.mark.parametrize("delay_s", [0, 0.0005, 0.001, 0.002, 0.004])
    def test_a_job_that_is_stopped_at_once_is_told(
        self, runner: Runner, tmp_path: Path, delay_s: float
    ) -> None:
        for _ in range(4):
            watched = self.start(runner, "beat", folder=str(tmp_path), seconds=60)
            watched.until(lambda job=watched: job.execution.fileno() >= 0)  # type: ignore[misc]
            time.sleep(delay_s)
            watched.execution.stop(StopCause.CANCEL, 60)
            assert watched.end().exit == Exit(code=1)

    @pytest.mark.parametrize("how", ["stop", "kill", "lease"])
    def test_nothing_outlives_the_end(
        self, runner: Runner, tmp_path: Path, how: str
    ) -> None:
        lease_s = 3.0 if how == "lease" else 60
        watched = self.start(runner, "family", lease_s, folder=str(tmp_path))
        watched.until(Path(tmp_path, "beat").exists)
        watched.until(Path(tmp_path, "grandchild").exists)
        if how == "stop":
            watched.execution.stop(StopCause.CANCEL, 0.1)
        elif how == "kill":
            watched.execution.kill()
        watched.until(lambda: watched.dead)
        assert not _grows(tmp_path / "beat")
        assert not self.proves_death or not _grows(tmp_path / "grandchild")

    def test_a_longer_lease_is_obeyed(self, runner: Runner, tmp_path: Path) -> None:
        watched = self.start(runner, "beat", 1.5, folder=str(tmp_path), seconds=3)
        watched.until(Path(tmp_path, "beat").exists)
        watched.execution.extend(boot() + 60)
        assert watched.end().exit == Exit(code=0)

    def test_a_lease_that_is_over_starts_nothing(
        self, runner: Runner, tmp_path: Path
    ) -> None:
        watched = self.start(runner, "beat", -1, folder=str(tmp_path), seconds=60)
        watched.until(lambda: watched.dead)
        assert not Path(tmp_path, "beat").exists()

    def test_what_a_job_leaves_behind_is_dead_at_its_end(
        self, runner: Runner, tmp_path: Path
    ) -> None:
        watched = self.start(runner, "litter", folder=str(tmp_path))
        assert watched.end().result == "done"
        assert not self.proves_death or not _grows(tmp_path / "beat")

    def test_attempts_do_not_touch_each_other(
        self, runner: Runner, tmp_path: Path
    ) -> None:
        folders = [tmp_path / str(number) for number in range(4)]
        for folder in folders:
            folder.mkdir()
        families = [self.start(runner, "family", folder=str(f)) for f in folders]
        for watched, folder in zip(families, folders, strict=True):
            watched.until(Path(folder, "beat").exists)
        families[1].execution.kill()
        families[1].until(lambda: families[1].dead)
        assert [_grows(f / "beat") for f in folders] == [True, False, True, True]
        for watched in (families[0], *families[2:]):
            watched.execution.kill()
            watched.until(lambda family=watched: family.dead)  # type: ignore[misc]

    def test_close_kills_what_still_runs(self, runner: Runner, tmp_path: Path) -> None:
        watched = self.start(runner, "family", folder=str(tmp_path))
        watched.until(Path(tmp_path, "beat").exists)
        runner.close()
        assert not _grows(tmp_path / "beat")
