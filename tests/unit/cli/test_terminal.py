"""What a terminal gets: at every width the essential, and no control characters."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import typer
from rich.color import ColorSystem
from typer.main import get_command
from typer.testing import CliRunner

from e2e import sample_jobs  # noqa: F401  (its jobs are registered)
from interlock import Engine, Schedule
from interlock.core.causes import Remark, RemarkKind, cause_key
from interlock.core.dependencies import Dependency
from interlock.core.errors import IllegalTransition
from interlock.core.ids import new_id, short_id
from interlock.core.job import Failure
from interlock.core.lifecycle import Event, Proof, Reason
from interlock.core.progress import Progress
from interlock.core.records import (
    GroupInfo,
    LogLine,
    ProgressNote,
    Step,
    WorkerInfo,
)
from interlock.ports import discovery
from interlock.testing.clock import ManualClock
from interlock.testing.scenario import Scenario
from interlock_adapters.cli import context
from interlock_adapters.cli.main import app

#: A title, a cleared screen, CSI in one byte, a turned line, a lost one, and markup.
HOSTILE = "\x1b]0;owned\x07\x1b[2J\x9b31m\u202e\r\x08[/red][bold]\x7f"
_NAME = "reports.accounts"
_ERROR = (
    "/srv/data/customers/2026/november/invoices.csv is not there; ask who moved it away"
)
_RICH = re.compile(r"\x1b\[[0-9;]*m")  # what Rich writes for colours


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scenario]:
    clock = ManualClock(datetime.now(UTC) - timedelta(minutes=1))
    with closing(discovery.open_store(f"sqlite:///{tmp_path}/jobs.db", clock)) as store:
        yield Scenario(store, clock)


class _Terminal:
    """Runs commands as in a terminal."""

    def __init__(self, url: str, patched: pytest.MonkeyPatch) -> None:
        self._url = url
        self._patched = patched
        patched.setenv("TTY_COMPATIBLE", "1")
        patched.delenv("INTERLOCK_MODULES", raising=False)
        for console in (context.out, context.err):
            patched.setattr(console, "soft_wrap", False)
            patched.setattr(console, "_color_system", ColorSystem.STANDARD)

    def __call__(self, *words: str, width: int = 80, code: int = 0) -> str:
        """Return all that a command prints."""
        for console in (context.out, context.err):
            self._patched.setattr(console, "_width", width)
        done = CliRunner().invoke(app, [*words, "--database", self._url])
        assert done.exit_code == code, (words, done.output, done.exception)
        return done.output


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> _Terminal:
    monkeypatch.chdir(tmp_path)
    return _Terminal(f"sqlite:///{tmp_path}/jobs.db", monkeypatch)


def _hostile(scene: Scenario) -> tuple[str, str]:
    """Let all texts be hostile; return the ids of jobs, of which the second runs."""
    store, now = scene.store, scene.clock.now()
    everywhere: dict[str, Any] = {"name": HOSTILE, "queue": HOSTILE}
    everywhere |= {"submitted_by": HOSTILE, "metadata": {HOSTILE: HOSTILE}}
    everywhere |= {"params": {HOSTILE: HOSTILE}, "unique_key": HOSTILE}
    store.groups.create(GroupInfo(id="group", name=HOSTILE, created_at=now))
    grouped = {"group_id": "group", "group_index": 0}
    job = scene.running(new_id(now), **everywhere, **grouped, worker=HOSTILE)
    store.commit(
        [],
        [
            LogLine(job_id=job.id, attempt=1, at=now, stream="stdout", text=HOSTILE),
        ],
    )
    kept: dict[str, Any] = {
        "kind": "step",
        "use": HOSTILE,
        "value": HOSTILE,
        "attempt": 1,
        "at": now,
    }
    assert store.steps.put(Step(job_id=job.id, name=HOSTILE, **kept))
    failure = Failure(
        reason=Reason.ERROR, type=HOSTILE, message=HOSTILE, traceback=HOSTILE
    )
    scene.apply(job, Event.FAIL, proof=Proof.CGROUP, error=failure)
    with pytest.raises(IllegalTransition):
        scene.apply(job, Event.CANCEL, actor=HOSTILE, text=HOSTILE)
    del everywhere["unique_key"]
    held = scene.add(new_id(now), **everywhere)
    edge = Dependency(job_id="x", position=0, parent_id=held.id, name=HOSTILE)
    after = scene.new(new_id(now), **everywhere, dependencies=1)
    store.add([after], dependencies={after.id: [replace(edge, job_id=after.id)]})
    scene.apply(held, Event.HOLD, actor=HOSTILE, text=HOSTILE)
    running = scene.running(new_id(now), **everywhere, worker="w")
    progress = Progress(phase=HOSTILE, unit=HOSTILE)
    store.commit([], [ProgressNote(job_id=running.id, attempt=1, progress=progress)])
    scene.hold("name:[/red][bold]", by=HOSTILE, reason=HOSTILE)
    store.remark(
        Remark(
            cause=cause_key(store.get(job.id)),
            kind=RemarkKind.ACKNOWLEDGE,
            text=HOSTILE,
            by=HOSTILE,
            at=now,
        )
    )
    store.set_limit("queue:[/red][bold]", 1, by=HOSTILE)
    store.see_worker(
        WorkerInfo(
            id=HOSTILE,
            host=HOSTILE,
            pid=1,
            boot_id="b",
            containment=HOSTILE,
            concurrency=1,
            queues=(HOSTILE,),
            started_at=now,
            seen_at=now,
            trouble=HOSTILE,
        )
    )
    return job.id, running.id


def _listing() -> set[str]:
    """Return the commands that print lists."""

    def walk(command: Any, *path: str) -> Iterator[str]:
        if hasattr(command, "commands"):
            for name, each in command.commands.items():
                yield from walk(each, *path, name)
        elif any("--json-array" in parameter.opts for parameter in command.params):
            yield " ".join(path)

    return set(walk(get_command(app)))


def test_no_control_character_reaches_the_terminal(
    scene: Scenario, run: _Terminal
) -> None:
    job_id, running_id = _hostile(scene)
    with Engine.open(f"sqlite:///{Path.cwd()}/jobs.db") as engine:
        engine.schedules.create(
            "nightly",
            "t.add",
            {"left": 1},
            schedule=Schedule(every="1h"),
            by="anna",
            reason="x",
        )
    commands = [
        *("queues", "workers", "holds", "limits list", "groups list", "list"),
        "failures list",
        *("schedules list", "schedules show nightly", "schedules ticks nightly"),
        *("schedules preview nightly", "verify", "groups show group", "counts"),
        *("stats", "forecast", "top --once", "list --status FAILED"),
        *(f"{each} {job_id}" for each in ("show", "explain", "history", "log")),
        *(f"show {running_id}", f"explain {running_id}"),
        *(f"{each} {job_id}" for each in ("steps", "graph", "history --rejected")),
    ]
    missing = {
        name for name in _listing() if not any(w.startswith(name) for w in commands)
    }
    assert missing == {"groups wait"}
    for command in commands:
        for width in (80, 120, 200):
            shown = _RICH.sub("", run(*command.split(), width=width))
            assert shown
            strange = {c for c in shown if not (c.isprintable() or c == "\n")}
            assert (command, strange) == (command, set())
    for words, code in (
        (("cancel", job_id), 4),
        (("wait", job_id), 1),
        (("wait", running_id, "--timeout", "0.3"), 124),
    ):
        shown = run(*words, code=code)  # with the controls of a bar
        assert [
            c for c in ("\x1b]", "\x1b[2J", "\x07", "\x08", "\x9b") if c in shown
        ] == []


def _some(scene: Scenario) -> list[str]:
    """Store jobs that failed and that wait; return their ids."""
    job = scene.running(new_id(scene.clock.now()), name=_NAME)
    scene.clock.advance(3)
    failure = Failure(reason=Reason.ERROR, type="OSError", message=_ERROR)
    scene.apply(job, Event.FAIL, proof=Proof.CGROUP, error=failure)
    waiting = scene.add(new_id(scene.clock.now()), name=_NAME)
    running = scene.running(new_id(scene.clock.now()), name=f"{_NAME}2")
    return [job.id, waiting.id, running.id]


@pytest.mark.parametrize("width", [80, 120, 200])
def test_name_status_why_and_id_are_there_at_every_width(
    scene: Scenario, run: _Terminal, width: int
) -> None:
    ids = _some(scene)
    lines = _RICH.sub("", run("list", width=width)).splitlines()
    by_id = {i: next(line for line in lines if short_id(i) in line) for i in ids}
    words = [("FAILED", "/srv/data"), ("PENDING", "queued"), ("RUNNING", "executing")]
    for line, (status, why) in zip(by_id.values(), words, strict=True):
        assert _NAME in line
        assert f" {status} " in line
        assert why in line
    assert max(map(len, lines)) <= width
    assert (_ERROR in by_id[ids[0]]) == (width == 200)
    top = _RICH.sub("", run("top", "--once", width=width))
    assert short_id(ids[2]) in top
    assert f"{_NAME}2" in top


def test_without_colours_nothing_is_coloured(
    scene: Scenario, run: _Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = _some(scene)[0]
    scene.store.commit(
        [],
        [
            LogLine(
                job_id=job_id,
                attempt=1,
                at=scene.clock.now(),
                stream="stdout",
                text="\x1b[31mred\x1b[0m",
            )
        ],
    )
    assert "\x1b[31m" in run("list")
    assert "\x1b[31m" in run("log", job_id)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setattr(context.out, "no_color", True)
    for words in (("list",), ("log", job_id), ("top", "--once"), ("counts",)):
        assert not re.search(r"\x1b\[[0-9;]*3[0-9]", run(*words))


def test_every_option_and_argument_has_a_help_text() -> None:
    def walk(command: Any, *path: str) -> Iterator[str]:
        for parameter in command.params:
            if parameter.name != "help" and not getattr(parameter, "help", None):
                yield " ".join((*path, parameter.opts[0]))
        for name, each in getattr(command, "commands", {}).items():
            assert each.help, name
            yield from walk(each, *path, name)

    assert isinstance(app, typer.Typer)
    assert list(walk(get_command(app))) == []
