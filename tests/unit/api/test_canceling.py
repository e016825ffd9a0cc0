"""A cancel of the version that the caller saw, while the job changes."""

import pytest

from interlock.api.cancel import CancelRequest, cancel
from interlock.core.errors import VersionChanged
from interlock.core.job import Job
from interlock.testing.clock import ManualClock
from interlock.testing.guard_cases import LEASE
from interlock.testing.scenario import Scenario
from interlock_adapters.memory import MemoryStore


class Busy(MemoryStore):
    """A store that renews a job's lease between a look at it and what follows."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__(clock)
        self._read = self.get
        self.get = self._get_and_renew

    def _get_and_renew(self, job_id: str) -> Job:
        job = self._read(job_id)
        assert job.worker_id is not None
        self.renew(job.worker_id, {job_id: job.attempt}, LEASE)
        return job


@pytest.mark.parametrize("sees", [False, True])
def test_a_version_is_compared_by_the_write_itself(*, sees: bool) -> None:
    clock = ManualClock()
    store = Busy(clock)
    scene = Scenario(store, clock)
    (job,) = scene.claim(scene.add("j").name)
    seen = job.version if sees else None
    request = CancelRequest(job_id="j", by="me", reason=None, version=seen)
    if sees:
        with pytest.raises(VersionChanged, match="the job has version"):
            cancel(store, request, clock)
    else:
        cancel(store, request, clock)
    assert (store.get("j").cancel_requested_at is None) == sees
