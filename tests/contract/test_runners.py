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


@pytest.fixture(scope="class")  # the last test of the contract closes it
def runner(request: pytest.FixtureRequest) -> Iterator[Runner]:
    runner = opened(request.cls.containment)
    yield runner
    runner.close()


class TestNamespace(RunnerContract):
    containment = "namespace"


class TestSubreaper(RunnerContract):
    containment = "subreaper"


class TestGroup(RunnerContract):
    containment = "group"
    proves_death = False
