"""The subprocess runner, in each of its strengths, against the one contract."""

from collections.abc import Iterator

import pytest

from interlock.ports.runner import Runner
from interlock.testing import runner_jobs
from interlock.testing.runners import RunnerContract
from interlock_adapters.subprocess.runner import probe
from interlock_adapters.subprocess.runner.runner import SubprocessRunner, open_runner


def opened(containment: str) -> SubprocessRunner:
    wrong = probe.works(containment)
    if wrong is not None:
        pytest.skip(f"containment {containment} does not work on this machine: {wrong}")
    modules = [runner_jobs.__name__]
    return open_runner(containment=containment, modules=modules, main=None, ahead=2)


class TestNamespace(RunnerContract):
    containment = "namespace"

    @pytest.fixture
    def runner(self) -> Iterator[Runner]:
        runner = opened(self.containment)
        yield runner
        runner.close()


class TestSubreaper(TestNamespace):
    containment = "subreaper"


class TestGroup(TestNamespace):
    containment = "group"
    proves_death = False
