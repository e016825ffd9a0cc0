"""`@job(run_as=...)`: the job has the rights of that user, and no others."""

from __future__ import annotations

import os
import pwd
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

import ordinary_user
from interlock import Job, JobStatus
from interlock.core.lifecycle import Reason
from interlock.jobs.registry import JobFunction
from pace import deadline

from . import confined_jobs as jobs
from .prey import Prey, worker
from .processes import alive, parent_of, until

_MODULE = "e2e.confined_jobs"


@pytest.fixture(scope="module")
def root(containment: str) -> Iterator[Prey]:
    """Return a worker of root in each containment, whose code everybody can read."""
    with (
        TemporaryDirectory() as folder,
        worker(Path(folder), "root for all", containment, jobs=_MODULE) as running,
    ):
        yield running


def _expected(name: str, containment: str) -> dict[str, object]:
    user = pwd.getpwnam(name)
    return {
        "uids": [user.pw_uid] * 3,
        "gids": [user.pw_gid] * 3,
        "groups": sorted(os.getgrouplist(name, user.pw_gid)),
        "capabilities": ["0" * 16] * 3,
        "names": [user.pw_dir, name, name],
        "no new privileges": True,
        "may regain": False,
        "has environ": True,
        "killed with its parent": 9 if containment == "subreaper" else 0,
        "owner": user.pw_uid,
    }


def _said_of_itself(
    prey: Prey, job: JobFunction[[], dict[str, object]]
) -> dict[str, object]:
    said: dict[str, Any] = prey.said(job)
    return {key: value for key, value in said.items() if key != "folder"}


@pytest.mark.parametrize(
    "job",
    [
        jobs.identity,
        jobs.identity_of_an_interpreter,
    ],
)
def test_a_job_has_the_ids_the_groups_and_the_names_of_its_user(
    root: Prey, job: JobFunction[[], dict[str, object]]
) -> None:
    assert _said_of_itself(root, job) == _expected(jobs.ONE, root.containment)


def test_a_job_of_another_user_may_be_allowed_to_gain_rights(root: Prey) -> None:
    said = _said_of_itself(root, jobs.identity_with_privileges)
    expected = _expected(jobs.ONE, root.containment)
    assert said == {**expected, "no new privileges": False, "may regain": True}


def test_only_named_variables_reach_a_job_of_another_user(root: Prey) -> None:
    said = _said_of_itself(root, jobs.identity_with_few_variables)
    home = pwd.getpwnam(jobs.ONE).pw_dir
    expected = _expected(jobs.ONE, root.containment)
    assert said == {**expected, "names": [home, None, None]}


def test_a_job_of_another_user_can_do_nothing_of_root(root: Prey) -> None:
    secret = root.folder / "secret"
    secret.touch(mode=0o600)
    root.folder.chmod(0o755)
    assert root.said(jobs.attacks, str(secret)) == {}


def test_a_job_of_another_user_has_its_folder_and_its_output(root: Prey) -> None:
    handle = root.engine.submit(jobs.uses_its_files)
    assert len(handle.result(deadline(20))) >= 3
    lines = {line.text for line in root.engine.log(handle.id)}
    assert lines == {"through /dev/stdout", "through a shell"}


def test_users_share_no_folder(root: Prey) -> None:
    users = [jobs.identity, jobs.identity_of_another, jobs.identity_of_the_worker]
    said = [root.said(job) for job in users for _ in range(3)]
    folders: dict[str, set[int]] = {}
    for each in said:
        folders.setdefault(each["folder"], set()).add(each["owner"])
    assert all(len(owners) == 1 for owners in folders.values())
    names = [pwd.getpwnam(name).pw_uid for name in (jobs.ONE, jobs.OTHER, "root")]
    assert [each["owner"] for each in said[::3]] == names
    until(lambda: not any(Path(each["folder"]).exists() for each in said[:6]))


def test_a_user_sees_nothing_in_the_folder_of_another(root: Prey) -> None:
    handle = root.engine.submit(jobs.hides)
    pid = _main_of(root, handle.id)
    (folder,) = _folders(pid)
    assert root.said(jobs.looks_into, folder) == "nothing"
    handle.cancel(wait=deadline(20))


def _main_of(prey: Prey, job_id: str) -> int:
    """Return the pid of a job's main process, once it has an orphan."""

    def has_begun() -> bool:
        return prey.engine.get(job_id).progress is not None and len(alive(job_id)) == 2

    until(has_begun)
    return min(alive(job_id))


def _folders(pid: int) -> list[str]:
    """Return the folders that the user of a process has from its worker."""
    uid = Path(f"/proc/{pid}").stat().st_uid
    below = Path(f"/tmp/interlock-{os.getuid()}").glob("*/*")
    return [str(path) for path in below if path.lstat().st_uid == uid]


def test_a_cancel_kills_all_processes_of_another_user(root: Prey) -> None:
    handle = root.engine.submit(jobs.hides)
    _main_of(root, handle.id)
    assert handle.cancel(wait=deadline(20)).status is JobStatus.CANCELED
    assert alive(handle.id) == []


def test_a_timeout_kills_all_processes_of_another_user(root: Prey) -> None:
    job = root.ended(jobs.hides_until_its_timeout)
    assert job.status is JobStatus.TIMEOUT
    assert alive(job.id) == []


def test_all_processes_of_another_user_die_with_their_shim(root: Prey) -> None:
    handle = root.engine.submit(jobs.hides)
    shim = parent_of(_main_of(root, handle.id))
    os.kill(shim, 9)
    job = handle.wait(deadline(20))
    assert (job.status, job.reason) == (JobStatus.FAILED, Reason.LOST)
    assert alive(job.id) == []


def test_limits_hold_for_another_user(root: Prey) -> None:
    job = root.ended(jobs.swallows)
    assert (job.status, job.reason) == (JobStatus.FAILED, Reason.OUT_OF_MEMORY)
    job = root.ended(jobs.multiplies)
    assert (job.status, job.reason) == (JobStatus.FAILED, Reason.SIGNAL)
    assert "its limit is processes=20" in _words(job)
    assert alive(job.id) == []


def _words(job: Job) -> str:
    assert job.error is not None
    return job.error.message


def test_a_job_of_another_user_talks_with_its_worker(root: Prey) -> None:
    job = root.ended(jobs.talks)
    assert job.progress is not None
    assert (job.progress.completed, job.progress.total) == (1, 2)
    assert [line.text for line in root.engine.log(job.id)] == ["a line"]
    child = root.engine.wait(str(job.result), deadline(20))
    assert (child.status, child.parent_id) == (JobStatus.SUCCEEDED, job.id)


def test_a_user_that_does_not_exist_is_named(root: Prey) -> None:
    job = root.ended(jobs.never_runs)
    assert (job.status, job.reason) == (JobStatus.FAILED, Reason.SPAWN_ERROR)
    assert f"there is no user '{jobs.NOBODY}'" in _words(job)


def test_root_may_be_named_by_a_worker_of_root(root: Prey) -> None:
    assert root.said(jobs.runs_as_root) == [0, 0, 0]


def test_a_worker_that_is_not_root_runs_jobs_as_its_own_user_alone(
    containment: str,
) -> None:
    with (
        TemporaryDirectory() as folder,
        worker(Path(folder), "ordinary", containment, jobs=_MODULE) as ordinary,
    ):
        expected = _expected(jobs.ONE, containment)
        assert _said_of_itself(ordinary, jobs.identity)["uids"] == expected["uids"]
        job = ordinary.ended(jobs.identity_of_another)
        assert (job.status, job.reason) == (JobStatus.FAILED, Reason.SPAWN_ERROR)
        assert "this worker is not root" in _words(job)
        assert ordinary.ended(jobs.identity_of_the_worker).result is not None


@contextmanager
def _root_with(*options: str) -> Iterator[Prey]:
    """Run a worker of root whose rights setpriv(1) changes."""
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        pytest.skip("there is no setpriv")
    how: dict[str, Any] = {"jobs": _MODULE, "before": (setpriv, *options)}
    with (
        TemporaryDirectory() as folder,
        worker(Path(folder), "root for all", "subreaper", **how) as running,
    ):
        yield running


def test_root_without_the_capability_to_kill_starts_no_job_of_another_user() -> None:
    with _root_with("--bounding-set", "-kill") as weak:
        job = weak.ended(jobs.identity)
        assert (job.status, job.reason) == (JobStatus.FAILED, Reason.SPAWN_ERROR)
        assert "root without KILL" in _words(job)


def test_a_job_that_could_become_root_again_is_not_called() -> None:
    with _root_with("--securebits", "+no_setuid_fixup") as odd:
        assert "it could become root again" in _not_called(odd, jobs.identity)


def _not_called(prey: Prey, job: JobFunction[[], object]) -> str:
    """Return why its process has not called the function of a job."""
    ended = prey.ended(job)
    assert (ended.status, ended.reason) == (JobStatus.FAILED, Reason.EXIT_CODE)
    (line,) = [line.text for line in prey.engine.log(ended.id)]
    assert line.startswith("The job's function was not called: ")
    return line


def test_a_job_whose_python_is_closed_to_its_user_says_so() -> None:
    if ordinary_user.can_run(sys.executable):
        pytest.skip("everybody can run this Python")
    with (
        TemporaryDirectory() as folder,
        worker(Path(folder), "root", "subreaper", jobs=_MODULE) as closed,
    ):
        assert _not_called(closed, jobs.identity_of_an_interpreter)


def test_what_could_outlive_its_kill_does_not_run_as_another_user() -> None:
    with (
        TemporaryDirectory() as folder,
        worker(Path(folder), "root for all", "group", jobs=_MODULE) as weak,
    ):
        job = weak.ended(jobs.identity)
        assert (job.status, job.reason) == (JobStatus.FAILED, Reason.SPAWN_ERROR)
        assert "namespace or subreaper, and this worker has group" in _words(job)


def test_a_user_to_whom_the_folder_is_closed_does_not_start() -> None:
    with TemporaryDirectory() as name:
        folder = Path(name)
        closed = folder / "closed"
        closed.mkdir(mode=0o700)
        before = ("/usr/bin/env", f"TMPDIR={closed}")
        with worker(
            folder, "root for all", "subreaper", jobs=_MODULE, before=before
        ) as prey:
            line = _not_called(prey, jobs.identity)
            assert f"a folder above {closed}" in line
            assert "is closed to it" in line
