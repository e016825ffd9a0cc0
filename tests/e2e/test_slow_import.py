"""An import that does not end: the worker's log says so, and where it is."""

from __future__ import annotations

from pathlib import Path

from pace import deadline
from workers import worker_of

from . import slow_import_jobs
from .processes import until


def test_an_import_that_hangs_is_reported_with_its_stack(tmp_path: Path) -> None:
    end = tmp_path / "end"
    environment = {"END_OF_IMPORT": str(end)}
    module = slow_import_jobs.__name__
    with worker_of(module, tmp_path, environment=environment) as worker:
        handle = worker.engine.submit(slow_import_jobs.late)
        until(lambda: "have been importing for 10 s" in worker.said(), 40)
        until(lambda: "in hang" in worker.said(), 40)
        assert "no job starts here before that has ended" in worker.said()
        until(lambda: worker.engine.workers()[0].trouble)
        (registered,) = worker.engine.workers()
        assert registered.trouble is not None
        assert "have been importing for over 10 s" in registered.trouble
        assert registered.trouble in worker.engine.explain(handle.id)
        end.touch()
        assert handle.result(deadline(20)) == "late"
        until(lambda: worker.engine.workers()[0].trouble is None)
        assert worker.said().count("have been importing") == 1
