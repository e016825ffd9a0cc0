"""What a hostile job can and cannot do: each line of docs/security.md is tried here.

By workers of root and of an ordinary user, in a process of their own, in each
containment.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

import ordinary_user
from interlock import JobStatus
from interlock.core.lifecycle import Reason
from interlock.jobs.registry import JobFunction
from interlock_adapters.subprocess.kernel.privileges import CAPABILITIES
from pace import deadline, some

from . import hostile_jobs as jobs
from .prey import SECRET, Prey, worker
from .processes import alive, until

#: What a job may not have.
DROPPED = sum(1 << number for number in CAPABILITIES.values())


@pytest.fixture(scope="module", params=some(["ordinary", "root"]))
def user(request: pytest.FixtureRequest) -> str:
    """Each user."""
    return str(request.param)


@pytest.fixture(scope="module")
def prey(user: str, containment: str) -> Iterator[Prey]:
    """Return a worker of each user in each containment."""
    with (
        TemporaryDirectory() as folder,  # pytest's own are closed to other users
        worker(Path(folder), user, containment) as running,
    ):
        yield running


@pytest.mark.parametrize("job", [jobs.privileges, jobs.privileges_of_an_interpreter])
def test_a_job_has_no_capability_to_get_out_and_gains_none(
    prey: Prey, job: JobFunction[[], list[str]]
) -> None:
    no_new_privs, *sets = prey.said(job)
    assert no_new_privs == "1"
    bounding = sets.pop(3)
    assert [int(each, 16) & DROPPED for each in sets] == [0, 0, 0, 0]
    if prey.user == "root":
        assert int(bounding, 16) & DROPPED == 0


@pytest.mark.parametrize(
    "job", [jobs.privileges_that_were_kept, jobs.privileges_that_an_interpreter_kept]
)
def test_a_job_with_privileges_keeps_what_its_worker_has(
    prey: Prey, job: JobFunction[[], list[str]]
) -> None:
    no_new_privs, *sets = prey.said(job)
    assert no_new_privs == "0"
    if prey.user == "root":
        own = Path("/proc/self/status").read_text().split("CapEff:")[1].split()[0]
        assert sets[2] == own


@pytest.fixture
def setuid_program(prey: Prey) -> Path:
    """Return a program of root that gives its rights to whoever executes it."""
    if os.getuid() != 0:
        pytest.skip("the tests do not run as root")
    program = prey.folder / "id"
    shutil.copy("/usr/bin/id", program)
    os.chown(program, 0, 0)
    program.chmod(0o4755)
    return program


def test_a_setuid_program_gives_a_job_nothing(prey: Prey, setuid_program: Path) -> None:
    uid = str(prey.folder.stat().st_uid)
    assert prey.said(jobs.executes, str(setuid_program)) == [uid]
    if prey.containment == "subreaper":  # a user namespace knows no other users
        gained = prey.said(jobs.executes_with_privileges, str(setuid_program))
        assert gained == ["0"]


def test_a_secret_of_the_worker_is_not_in_the_jobs_environment(prey: Prey) -> None:
    found = prey.said(jobs.finds, "INTERLOCK_TOKEN=" + SECRET)
    is_in_sight = prey.containment == "subreaper" and prey.user == "ordinary"
    assert found == ([f"environ of {prey.process.pid}"] if is_in_sight else [])


def test_a_job_cannot_trace_what_is_above_it(prey: Prey) -> None:
    is_allowed = prey.containment == "subreaper" and prey.user == "ordinary"
    ptrace = Path("/proc/sys/kernel/yama/ptrace_scope")
    if is_allowed and ptrace.exists() and ptrace.read_text().strip() != "0":
        is_allowed = False
    everyone = ["shim", "zygote", "worker"]
    assert prey.said(jobs.traces) == (everyone if is_allowed else [])


def test_a_job_does_not_get_the_proc_of_the_machine_back(user: str) -> None:
    with TemporaryDirectory() as folder, worker(Path(folder), user, "namespace") as w:
        assert w.said(jobs.uncovers_proc) <= 2  # the shim, and the job itself


def test_a_job_has_no_descriptor_of_the_database(prey: Prey) -> None:
    files = prey.said(jobs.opened)
    assert [file for file in files if file.startswith(str(prey.folder))] == []


@pytest.mark.parametrize("what", ["shim", "zygote"])
def test_a_job_that_kills_what_is_above_it_leaves_nothing(
    user: str, containment: str, what: str
) -> None:
    with TemporaryDirectory() as folder, worker(Path(folder), user, containment) as w:
        job = w.ended(jobs.kills, what)
        assert alive(job.id) == []
        if (
            containment == "namespace"
        ):  # an init takes no SIGKILL from below (signal(7))
            said = {"shim": "went on", "zygote": "not in sight"}
            assert (job.status, job.result) == (JobStatus.SUCCEEDED, said[what])
        elif what == "shim":
            assert (job.status, job.reason) == (JobStatus.FAILED, Reason.LOST)
        else:  # the shim goes on without its zygote
            assert (job.status, job.result) == (JobStatus.SUCCEEDED, "went on")
        assert w.said(jobs.privileges)[0] == "1"  # the next job runs


def test_a_worker_that_its_job_kills_is_replaced_and_nothing_lives_on(
    user: str,
) -> None:
    with TemporaryDirectory() as name:
        folder = Path(name)
        with worker(folder, user, "subreaper") as first:
            handle = first.engine.submit(jobs.kills, "worker")
            assert first.process.wait(deadline(20)) == -9
            until(lambda: alive(handle.id) == [])
        with worker(folder, user, "subreaper") as second:
            job = second.engine.wait(handle.id, deadline(30))
            assert (job.status, job.reason) == (JobStatus.FAILED, Reason.LOST)


def test_a_process_that_has_left_its_session_dies_with_its_job(prey: Prey) -> None:
    job = prey.ended(jobs.hides)
    assert job.status is JobStatus.SUCCEEDED
    assert alive(job.id) == []


def test_a_job_that_forks_without_end_is_ended(prey: Prey) -> None:
    job = prey.ended(jobs.multiplies)
    assert (job.status, job.reason) == (JobStatus.FAILED, Reason.SIGNAL)
    assert job.error is not None
    assert "its limit is processes=20" in job.error.message
    assert alive(job.id) == []


def test_a_job_may_have_as_many_processes_as_its_limit_says(prey: Prey) -> None:
    assert prey.said(jobs.has_a_few, 10) == 0


def test_memory_and_files_end_at_their_limits(prey: Prey) -> None:
    job = prey.ended(jobs.swallows)
    assert (job.status, job.reason) == (JobStatus.FAILED, Reason.OUT_OF_MEMORY)
    assert prey.said(jobs.fills, str(prey.folder / "full")) == 1024 * 1024


def test_a_job_gets_only_the_variables_that_it_has_asked_for(prey: Prey) -> None:
    environment = prey.said(jobs.environment)
    assert environment["ALLOWED"] == "yes"
    assert SECRET not in repr(environment)
    others = {name for name in environment if not name.startswith("INTERLOCK_")}
    set_for_it = {"TMPDIR", "JOBLIB_TEMP_FOLDER", "PYTHONPATH", "LC_CTYPE"}
    assert others <= {"PATH", "ALLOWED"} | set_for_it
    own = {name for name in environment if name.startswith("INTERLOCK_")}
    marks = {"JOB_ID", "JOB_NAME", "ATTEMPT", "PLACE"}
    assert own == {f"INTERLOCK_{mark}" for mark in marks}


def test_what_a_job_can_still_do(prey: Prey) -> None:
    """The lines of the second table, except where a limit ends the job: see above."""
    database = str(prey.folder / "jobs.db")
    prey.said(jobs.has_the_variable, "of another job")
    assert prey.said(jobs.reads_parameters, database)
    assert "SUCCEEDED" in prey.said(jobs.asks_for_the_database)
    assert prey.said(jobs.has_the_variable, "OTHER")
    assert prey.said(jobs.may_write, "/etc/passwd") == (prey.user == "root")
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert prey.said(jobs.connects, server.getsockname()[1]) == "connected"


def test_raw_sql_cannot_forge_what_a_job_has_done(prey: Prey) -> None:
    assert prey.said(jobs.forges, str(prey.folder / "jobs.db")) == "refused"


def test_the_databases_url_is_not_in_the_jobs_arguments(containment: str) -> None:
    with TemporaryDirectory() as name:
        url = f"sqlite:///{name}/jobs.db"
        for option in (("--database", url), (f"--database={url}",)):
            with worker(Path(name), "ordinary", containment, *option) as w:
                found = w.said(jobs.finds_in_arguments, url)
                in_ps = [f"cmdline of {w.process.pid}"]
                assert found == (in_ps if containment == "subreaper" else [])


def test_a_worker_with_privileges_lets_all_its_jobs_keep_them(user: str) -> None:
    with (
        TemporaryDirectory() as folder,
        worker(Path(folder), user, "subreaper", "--privileges") as w,
    ):
        assert w.said(jobs.privileges)[0] == "0"


def test_doctor_says_what_holds_for_this_user(user: str) -> None:
    if user == "root" and os.getuid() != 0:
        pytest.skip("the tests do not run as root")
    program, how = sys.executable, dict[str, Any]()
    if user == "ordinary":
        program, how = ordinary_user.python(), ordinary_user.as_user()
    command = [program, "-m", "interlock_adapters.cli.main", "doctor", "--json"]
    with TemporaryDirectory() as folder:
        if user == "ordinary":
            ordinary_user.give(Path(folder))
        url = f"sqlite:///{folder}/none.db"
        said = subprocess.check_output([*command, "--database", url], **how)
    report = json.loads(said)
    assert report["no_new_privs"] == "set for jobs"
    taken = report["capabilities taken from jobs"]
    assert ("SYS_ADMIN" in taken) == (user == "root")
    assert ("jobs of root" in report["files of the machine"]) == (user == "root")
    assert "containment" in report["worker out of reach of its jobs"]
