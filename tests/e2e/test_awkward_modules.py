"""Modules whose import leaves something that forks, or looks at objects, meet."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from interlock import JobStatus, job
from pace import THOROUGH
from workers import worker_of

from .processes import until


# The module of it does nothing awkward but in the zygote of the worker.
@job(name="e2e.awkward", timeout=30)
def awkward(number: int) -> list[object]: ...  # type: ignore[empty-body]


def _sleeping(folder: Path) -> bool:
    """Whether the child of the module lives: it has the folder as its own."""
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if (entry / "cwd").readlink() == folder:
                return True
        except OSError:
            continue
    return False


KINDS = {
    "prints in a fork": "e2e.awkward_jobs.listening listens on",
    "raises in a fork": "e2e.awkward_jobs.listening listens on",
    "a proxy that raises": "e2e.awkward_jobs.listening listens on",
    "a proxy that imports": "e2e.awkward_jobs.listening listens on",
    "a proxy that hangs": "a job module listens on",
    "a proxy that ends": "a job module listens on",
    "a proxy that crashes": "a job module listens on",
    "a child": "e2e.awkward_jobs.listening listens on",
    "no descriptors": "e2e.awkward_jobs.listening listens on",
    "a thread of C": "native thread 'python' of e2e.awkward_jobs",
}
#: One of each way to fork or to look at objects; the others are variants of them.
OFTEN = ("prints in a fork", "a proxy that raises", "a proxy that crashes", "a child")


@pytest.mark.parametrize("kind", KINDS if THOROUGH else [*OFTEN, "a thread of C"])
def test_jobs_run_beside_what_an_import_has_left(kind: str, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    environment = {"T_AWKWARD": kind, "T_HOME": str(home)}
    with worker_of("e2e.awkward_jobs", tmp_path, environment=environment) as worker:
        results = worker.results(awkward.call(n) for n in range(3))
        assert KINDS[kind] in worker.said()
        assert _sleeping(home) == (kind == "a child")
    how = "fresh" if kind == "a thread of C" else "fork"
    assert results == [[how, n] for n in range(3)]
    until(lambda: not _sleeping(home))


@pytest.mark.parametrize(
    "kind", ["ends a fork", "hangs in a fork"][: 2 if THOROUGH else 1]
)
def test_no_job_is_claimed_where_no_fork_comes_to_run(
    kind: str, tmp_path: Path
) -> None:
    environment = {"T_AWKWARD": kind, "T_HOME": os.curdir}
    with worker_of("e2e.awkward_jobs", tmp_path, environment=environment) as worker:
        handle = worker.engine.submit(awkward, 1)
        until(lambda: "did not come to run" in worker.said(), 30)
        assert handle.job().status is JobStatus.PENDING
