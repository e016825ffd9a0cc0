"""A job is submitted by its name, where its module is not imported."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from interlock import (
    DuplicateJob,
    Engine,
    InvalidOption,
    InvalidParams,
    JobStatus,
    UnknownJobName,
)
from pace import deadline

from . import ending_jobs
from .processes import until

MODULE = """
from dataclasses import dataclass
from datetime import date
from interlock import Retry, job

@dataclass
class Box:
    width: int

TWICE = Retry(max_attempts=2, on=OSError)

@job(name="depot.pack", queue="depot", timeout=30, retry=TWICE, secret=("pin",))
def pack(day: date, boxes: list[Box], pin: str = "0000", **marks: int) -> str:
    return f"{day:%A} {sum(box.width for box in boxes)} {marks}"

@job(name="depot.once", unique=["shelf"], unique_for=600, deadline=900)
def once(shelf: str, note: str = "") -> str:
    return shelf
"""


@pytest.fixture(scope="module")
def depot(home: Path) -> Iterator[Engine]:
    """Return an engine whose worker has a module that this process has not."""
    (home / "depot.py").write_text(MODULE)
    program = [sys.executable, "-m", "interlock_adapters.cli.main", "worker", "depot"]
    database = f"sqlite:///{home}/jobs.db"
    with (
        Engine.open(database) as engine,
        subprocess.Popen([*program, "--database", database], cwd=home) as worker,
    ):
        until(engine.workers)
        yield engine
        worker.terminate()
        worker.wait()
        assert engine.verify() == []


def test_a_published_job_has_the_options_of_its_worker(depot: Engine) -> None:
    params = {"day": "2026-11-27", "boxes": [{"width": 2}, {"width": 3}], "fragile": 1}
    handle = depot.submit("depot.pack", params, priority=4)
    assert handle.result(deadline(30)) == "Friday 5 {'fragile': 1}"
    job = handle.job()
    assert (job.queue, job.timeout_s, job.priority) == ("depot", 30, 4)
    assert (job.retry.max_attempts, job.retry.on) == (2, ("builtins.OSError",))
    assert depot.rerun(handle.id).result(deadline(30)) == "Friday 5 {'fragile': 1}"


def test_a_published_job_has_the_unique_key_of_its_worker(depot: Engine) -> None:
    first = depot.submit("depot.once", {"shelf": "a", "note": "x"})
    assert first.result(deadline(30)) == "a"
    job = first.job()
    assert job.unique_key == 'depot.once:{"shelf":"a"}'
    assert job.deadline_at is not None
    with pytest.raises(DuplicateJob) as taken:
        depot.submit("depot.once", {"shelf": "a"})
    assert taken.value.job_id == first.id
    with pytest.raises(InvalidOption, match=r"'box'\. Use parameters of the"):
        depot.submit("depot.once", {"shelf": "b"}, unique=["box"])
    with pytest.raises(InvalidOption, match="the secret parameter 'pin'"):
        depot.submit("depot.pack", {"day": "2026-11-27", "boxes": []}, unique=["pin"])


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"boxes": []}, "'day' is a required property"),
        ({"day": "soon", "boxes": []}, "day: 'soon' is not a 'date'"),
        ({"day": "2026-11-27", "boxes": [{"width": "2"}]}, "boxes.0.width: '2' is not"),
        ({"day": "2026-11-27", "boxes": [], "mark": "x"}, "mark: 'x' is not of type"),
        ({"day": "2026-11-27", "boxes": [], "pin": 1234}, "pin: it does not fit"),
        ({"day": "\0", "boxes": []}, "day"),
    ],
)
def test_parameters_that_do_not_fit_the_schema_are_refused(
    depot: Engine, params: dict[str, object], words: str
) -> None:
    before = sum(depot.counts().values())
    with pytest.raises(InvalidParams) as refused:
        depot.submit("depot.pack", params)
    assert words in str(refused.value)
    assert "1234" not in str(refused.value)
    assert sum(depot.counts().values()) == before


def test_a_name_that_no_worker_knows_is_refused_and_explained(depot: Engine) -> None:
    with pytest.raises(UnknownJobName) as refused:
        depot.submit("depot.nobody")
    assert "depot.pack" in refused.value.known
    job = depot.submit(ending_jobs.graceless)
    assert job.job().status is JobStatus.PENDING
    assert depot.explain(job.id) == (
        "Waiting: no running worker knows the job name 't.graceless'. Start one with "
        "the job's module: interlock worker MODULE"
    )


@pytest.mark.usefixtures("depot")
def test_the_command_line_gives_text_to_what_takes_text(home: Path) -> None:
    program = [sys.executable, "-m", "interlock_adapters.cli.main", "submit"]
    arguments = ["depot.pack", "day=2026-11-27", "boxes=[]", "pin=1234", "mark=5"]
    database = f"sqlite:///{home}/jobs.db"
    done = subprocess.run(
        [*program, *arguments, "--database", database, "--wait"],
        stdout=subprocess.PIPE,
        text=True,
        timeout=deadline(60),
        check=True,
    )
    assert done.stdout == "\"Friday 0 {'mark': 5}\"\n"
