"""`@job(private_tmp=True)`: nobody else's files in /tmp and /var/tmp, and none left."""

from __future__ import annotations

import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from interlock import JobStatus
from interlock.core.lifecycle import Reason
from interlock.jobs.registry import JobFunction
from interlock_adapters.subprocess.runner import probe
from pace import deadline

from . import confined_jobs as jobs
from .prey import Prey, worker
from .processes import until

_MODULE = "e2e.confined_jobs"
_TMP = Path("/tmp")


@pytest.fixture(scope="module", params=["root for all", "ordinary"])
def prey(request: pytest.FixtureRequest) -> Iterator[Prey]:
    """Return a worker of each user, which runs in a folder of /tmp."""
    for code in (sys.prefix, __file__):
        if Path(code).resolve().is_relative_to(_TMP):
            pytest.skip(f"a job with its own /tmp could not import what is in {code}")
    if (problem := probe.works("namespace")) is not None:
        pytest.skip(f"containment namespace does not work: {problem}")
    user = str(request.param)
    with (
        TemporaryDirectory(dir=_TMP) as folder,
        TemporaryDirectory(dir=_TMP) as cwd,
    ):
        Path(cwd).chmod(0o755)
        with worker(Path(folder), user, "namespace", jobs=_MODULE, cwd=cwd) as running:
            yield running


@pytest.fixture
def marker() -> Iterator[Path]:
    """Return a file in /tmp that everybody can read."""
    path = _TMP / f"interlock-marker-{uuid.uuid4().hex}"
    path.touch(mode=0o644)
    yield path
    path.unlink()


@pytest.mark.parametrize(
    "job",
    [
        jobs.looks,
        jobs.looks_from_an_interpreter,
        jobs.looks_from_a_fork,
        jobs.looks_with_few_variables,
        jobs.looks_as_another,
    ],
)
def test_a_job_sees_its_own_files_alone(
    prey: Prey, job: JobFunction[[], dict[str, object]]
) -> None:
    for _ in range(2):  # the second finds nothing of the first
        said = prey.said(job)
        before = said.pop("before")
        assert "usr" in before.pop("..")
        assert before == {"/tmp": [], "/var/tmp": [], ".": []}
        is_other = prey.user == "ordinary" or job is jobs.looks_as_another
        assert said == {
            "after": [["mine"], ["mine"]],
            "folders": ["/tmp", "/tmp"],
            "tmpdir": ["/tmp", "/tmp/made"],
            "uid": 65534 if is_other else 0,
        }


def test_the_files_of_a_job_are_seen_nowhere_else(prey: Prey) -> None:
    name = uuid.uuid4().hex
    handle = prey.engine.submit(jobs.leaves_and_waits, name)
    until(lambda: prey.engine.get(handle.id).progress is not None)
    paths = [Path(folder) / name for folder in ("/tmp", "/var/tmp")]
    assert [path.exists() for path in paths] == [False, False]
    assert list(_TMP.glob(f"interlock-*/*/*/{name}")) != []  # where its shim has it
    assert name not in prey.said(jobs.looks)["before"]["/tmp"]
    assert handle.cancel(wait=deadline(20)).status is JobStatus.CANCELED
    until(lambda: list(_TMP.glob(f"interlock-*/*/*/{name}")) == [])
    assert [path.exists() for path in paths] == [False, False]


def test_a_job_cannot_uncover_the_tmp_of_the_machine(prey: Prey, marker: Path) -> None:
    said = prey.said(jobs.uncovers, str(marker))
    assert {what for what, worked in said.items() if worked} == set()
    assert marker.exists()


def test_a_job_without_the_option_sees_tmp_as_it_is(prey: Prey) -> None:
    assert prey.said(jobs.identity_of_the_worker)["folder"].startswith("/tmp/interlock")


def test_it_is_refused_where_nothing_can_be_mounted() -> None:
    with (
        TemporaryDirectory() as folder,
        worker(Path(folder), "root for all", "subreaper", jobs=_MODULE) as weak,
    ):
        job = weak.ended(jobs.looks)
        assert (job.status, job.reason) == (JobStatus.FAILED, Reason.SPAWN_ERROR)
        assert job.error is not None
        assert "this worker has subreaper" in job.error.message
