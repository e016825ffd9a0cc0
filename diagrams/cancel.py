"""Draw the moving picture of the README, a cancel: `make pictures`.

A real worker runs a real job that starts processes which try to get away. What the
commands print, and which processes there are meanwhile, is drawn as it was.
"""

import argparse
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Final

MODULE: Final = """\
import subprocess
from interlock import job

@job
def backup() -> None:
    subprocess.run(["sh", "-c", "setsid sleep 3600 &"])  # a daemon
    subprocess.run(["sh", "-c", "trap '' TERM; sleep 3600; date"])
"""
_ENOUGH: Final = 4  # processes: the job, its daemon, its shell, the shell's sleep
_DAEMON: Final = 1  # its place among them
_PATIENCE_S: Final = 30.0
_LOOK_S: Final = 0.05
_OWN: Final = re.compile(r"\b01[0-9a-f]{8}\b|job:\w{8}|(?<=>) *\d+(?= )|\d+(?= ms<)")


@dataclass(frozen=True, slots=True)
class Recording:
    """What was seen."""

    job_id: str
    before: Sequence[str]  # the processes of the job
    after: Sequence[str]
    told: str  # how it was made to end


def record() -> Recording:
    """Run it.

    Raises:
        TimeoutError: the processes of the job did not appear.
    """
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "shop.py").write_text(MODULE)
        with _worker(folder):
            job_id = _command(folder, "submit", "shop.backup").strip()
            before = _settled(job_id)
            _command(folder, "cancel", job_id, "--wait")
            after = processes(job_id)
            shown = json.loads(_command(folder, "show", job_id, "--json"))
    how, ms = " and ".join(shown["death"]["signals"]), shown["death"]["ms"]
    told = f"{shown['status']} by {how},\n  proved dead after {ms:.0f} ms"
    return Recording(job_id, before, after, told)


def processes(job_id: str) -> list[str]:
    """Return the processes that carry the id of a job: pid and command."""
    found = []
    for entry in sorted(Path("/proc").glob("[0-9]*"), key=lambda path: int(path.name)):
        with suppress(OSError):
            environment = (entry / "environ").read_bytes()
            words = (entry / "cmdline").read_bytes().decode().strip("\0").split("\0")
            name = (entry / "comm").read_text().strip()
            ours = name.startswith("job:")
            if f"INTERLOCK_JOB_ID={job_id}".encode() in environment or (
                ours and name[4:12] == job_id[-8:]
            ):
                found.append(f"{entry.name:>6} {name if ours else ' '.join(words)}")
    return found


def _settled(job_id: str) -> list[str]:
    until = time.monotonic() + _PATIENCE_S
    while time.monotonic() < until:
        found = processes(job_id)
        if len(found) >= _ENOUGH and not any("setsid" in line for line in found):
            return found
        time.sleep(_LOOK_S)
    raise TimeoutError("the processes of the job did not appear")


@contextmanager
def _worker(folder: str) -> Iterator[None]:
    program = [*_interlock(), "worker", "shop", "--database", "sqlite:///jobs.db"]
    worker = subprocess.Popen(  # noqa: S603  (ourselves)
        program, cwd=folder, stderr=subprocess.DEVNULL
    )
    try:
        yield
    finally:
        worker.send_signal(signal.SIGTERM)
        worker.wait(_PATIENCE_S)


def _command(folder: str, *arguments: str) -> str:
    return subprocess.run(  # noqa: S603  (ourselves)
        [*_interlock(), *arguments],
        cwd=folder,
        env=_environment(),
        check=True,
        capture_output=True,
        text=True,
        timeout=_PATIENCE_S,
    ).stdout


def _interlock() -> list[str]:
    return [sys.executable, "-m", "interlock_adapters.cli.main"]


def _environment() -> Mapping[str, str]:
    ours = {"INTERLOCK_DATABASE_URL": "sqlite:///jobs.db", "INTERLOCK_MODULES": "shop"}
    return {**os.environ, **ours, "COLUMNS": "100"}


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the picture, and the seconds in which it is there."""

    text: str
    place: tuple[int, int]
    kind: str
    since: float
    until: float


_LOOP_S: Final = 14.0
_WIDTH, _HEIGHT, _STEP = 960, 366, 20
_LEFT, _RIGHT, _TOP = 24, 600, 54
_STYLE: Final = """\
.frame{fill:#10161c}.panel{fill:#18212a}
text{font:13px ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;fill:#d7dee4;
white-space:pre}.head{fill:#8fa0ad}.code{fill:#9fb2c1}
.typed{fill:#fff;font-weight:600}.daemon{fill:#ffb86b}.good{fill:#2fdf9e}
@media (prefers-reduced-motion:reduce){
text{animation:none!important}.gone{opacity:0}}"""


def lines(recording: Recording) -> list[Line]:
    """Return what the picture shows, in its order of time."""
    short = recording.job_id[:10]
    code = MODULE.splitlines()
    top = _TOP + _STEP * (len(code) + 1)
    typed = [
        ("$ interlock submit shop.backup", "typed", 0.8),
        (f"{short}...", "", 1.4),
        (f"$ interlock cancel {short}... --wait", "typed", 5.0),
        (recording.told, "good", 8.6),
    ]
    shown = [
        Line(text, (_LEFT, _TOP + _STEP * at), "code", 0, _LOOP_S)
        for at, text in enumerate(code)
    ]
    at = 0
    for text, kind, since in typed:
        for part in text.split("\n"):
            place = (_LEFT, top + _STEP * at)
            shown.append(Line(part, place, kind, since, _LOOP_S))
            at += 1
    for at, text in enumerate(recording.before):
        is_daemon = at == _DAEMON
        kind = "daemon" if is_daemon else ""
        since, until = 1.8 + 0.3 * at, 7.2 + 0.3 * at
        place = (_RIGHT, _TOP + _STEP * at)
        shown.append(Line(text, place, f"{kind} gone".strip(), since, until))
    left = "\n".join(recording.after) or "none is left"
    shown.append(Line(left, (_RIGHT, _TOP), "good", 8.6, _LOOP_S))
    return shown


def picture(shown: Sequence[Line]) -> str:
    """Return the SVG."""
    frames, texts = [], []
    for number, line in enumerate(shown):
        (x, y), place = line.place, f"l{number}"
        on, off = (100 * t / _LOOP_S for t in (line.since, line.until))
        always = on == 0
        if not always:
            gone = "" if line.until == _LOOP_S else f"{off:.2f}%,100%{{opacity:0}}"
            end = "100" if line.until == _LOOP_S else f"{off - 0.01:.2f}"
            frames.append(
                f"@keyframes {place}{{0%,{on - 0.01:.2f}%{{opacity:0}}"
                f"{on:.2f}%,{end}%{{opacity:1}}{gone}}}"
                f"#{place}{{animation:{place} {_LOOP_S}s infinite}}"
            )
        kind = f' class="{line.kind}"' if line.kind else ""
        texts.append(
            f'<text id="{place}" x="{x}" y="{y}"{kind}>{escape(line.text)}</text>'
        )
    heads = (
        f'<text x="{_LEFT}" y="28" class="head">shop.py, and a terminal</text>'
        f'<text x="{_RIGHT}" y="28" class="head">processes of the job</text>'
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}"'
        ' role="img"><title>A job and its daemon are canceled: no process of it is'
        f" left</title><style>{_STYLE}\n" + "\n".join(frames) + "</style>"
        f'<rect class="frame" width="{_WIDTH}" height="{_HEIGHT}" rx="10"/>'
        f'<rect class="panel" x="{_RIGHT - 16}" y="10" width="{_WIDTH - _RIGHT + 6}"'
        f' height="{_HEIGHT - 20}" rx="8"/>{heads}' + "\n".join(texts) + "</svg>\n"
    )


def masked(svg: str) -> str:
    """Return a picture without what each run has of its own: ids, pids, seconds."""
    return _OWN.sub("#", svg)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", type=Path, help="the file")
    options = parser.parse_args()
    svg = picture(lines(record()))
    if options.write is None:
        print(svg)
    else:
        options.write.write_text(svg)


if __name__ == "__main__":
    main()
