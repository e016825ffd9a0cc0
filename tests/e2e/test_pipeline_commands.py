"""Dependencies, by commands on the database and on a server."""

from __future__ import annotations

from interlock import Engine, JobStatus, Phase

from . import sample_jobs as jobs
from .test_limit_commands import Run, run  # noqa: F401  (a fixture)


def test_a_job_depends_on_others_by_their_ids(run: Run, engine: Engine) -> None:  # noqa: F811
    first, second = (engine.submit(jobs.add, 1, 2).id for _ in range(2))
    options = ("--depends-on", first, "--depends-on", second)
    child = run("submit", jobs.add.name, "left=1", "right=2", *options).strip()
    assert engine.get(child).phase is Phase.BLOCKED
    assert "must still end" in " ".join(run("show", child).split())
    named = (f"--depends-on=left={first}", f"--depends-on=right={child}")
    last = run(
        *("submit", jobs.add.name, "left=1", "right=2", *named),
        "--on-parent-failure=run",
    ).strip()
    names = [each.dependency.name for each in engine.dependencies(last)]
    assert names == ["left", "right"]
    assert run("graph", first).count("-->") == 4
    (whole,) = run("graph", last, "--json")
    assert (len(whole["jobs"]), len(whole["edges"])) == (4, 4)
    mixed = ("--depends-on", first, f"--depends-on=left={first}")
    assert "NAME=ID" in run(
        "submit", jobs.add.name, "left=1", "right=2", *mixed, code=2
    )


def test_a_pipeline_runs_again_from_what_failed(run: Run, engine: Engine) -> None:  # noqa: F811
    first = engine.submit(jobs.add, 1, 2)
    child = engine.submit(jobs.add.options(depends_on=[first]), 1, 2)
    engine.cancel(first.id, reason="a mistake")
    assert "a mistake" in run("show", child.id)
    (again,) = run("rerun", first.id, "--dependents", "--json")
    assert again["rerun_of"] == first.id
    assert [
        each.job and each.job.status for each in engine.dependents(again["id"])
    ] == [JobStatus.PENDING]
