"""Runs the console blocks of a page in a terminal, as a reader would."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from pace import deadline

_COLUMNS = 100
#: What a reader saves, and types.
FILE = re.compile(r"Save this as `([\w./-]+)`:\n\n```\w*\n(.*?)```", re.DOTALL)
BLOCK = re.compile(r"```console\n(.*?)```", re.DOTALL)
#: What a reader does first, and a test has done.
_DONE = ("mkdir", "python3 -m venv", ". .venv", "pip install")
_SERVERS = ("interlock worker", "interlock dev", "interlock serve", "uvicorn ")
_BAR = re.compile(
    r"(waiting|PENDING|RUNNING)\b.*(━|\d%)"
)  # of a wait; it goes when the wait is over
_ID = re.compile(r"\b[0-9a-f]{32}\b")
_OWN = (
    (_ID, "ID"),
    (re.compile(r"\d{4}-\d\d-\d\d"), "DAY"),
    (re.compile(r"\b\d\d:\d\d:\d\d([.,]\d+)?"), "TIME"),
    (re.compile(r"\b[\w.-]+:\d+:[0-9a-f]*…?"), "WORKER"),
    (re.compile(r"\d+(\.\d+)? ?m?s\b"), "SPAN"),
    (re.compile(r"(?m)^\d+ (?=sleep)"), "PID "),
    (re.compile(r"(?<=process )\[\d+\]"), "[PID]"),
    (re.compile(r"runs \d+ at once"), "runs N at once"),
    (re.compile(r"[━─ ]+"), " "),
    (re.compile(r"\b[0-9a-f]{8}\b"), "ID"),  # of a table
    (re.compile(r"(?m)^ ?TIME.*"), "TIME"),  # with the ends of wrapped cells
)


def masked(output: str) -> str:
    """Return an output without what each run has of its own."""
    for pattern, word in _OWN:
        output = pattern.sub(word, output)
    return "\n".join(line.strip() for line in output.splitlines() if line.strip())


@dataclass(slots=True)
class Reader:
    """Somebody who does what a page says, in a folder."""

    folder: Path
    stands_for: dict[str, str] = field(default_factory=dict)  # of the page: here
    seen: list[tuple[str, str, str]] = field(default_factory=list)  # command, printed
    _ids: dict[str, str] = field(default_factory=dict)  # of the page: the real one
    _servers: list[subprocess.Popen[bytes]] = field(default_factory=list)
    _terminals: list[int] = field(default_factory=list)  # of the servers

    def follow(self, page: str) -> str:
        """Do all that the page says; return it with what was printed."""
        found = sorted([*FILE.finditer(page), *BLOCK.finditer(page)], key=_start)
        written, end = "", 0
        for each in found:
            written += page[end : each.start()]
            end = each.end()
            if each.re is FILE:
                file = self.folder / each[1]
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(self._here(each[2]))
                written += each[0]
            else:
                written += f"```console\n{self._block(each[1])}```"
        return written + page[end:]

    def close(self) -> None:
        """Stop what runs."""
        for server in self._servers:
            server.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                server.wait(deadline(15))
            server.kill()
            server.wait()
        for terminal in self._terminals:
            os.close(terminal)

    def _block(self, block: str) -> str:
        written = ""
        for part in re.split(r"(?m)^\$ ", block)[1:]:
            command, _, printed = part.partition("\n")
            if command.startswith(_DONE):
                written += f"$ {part}"
                continue
            got = self._do(command)
            for old, new in zip(_ID.findall(printed), _ID.findall(got), strict=False):
                self._ids.setdefault(old, new)
            self.seen.append((command, printed, got))
            written += f"$ {self._real(command)}\n{got}"
        return written

    def _here(self, text: str) -> str:
        for old, new in self.stands_for.items():
            text = text.replace(old, new)
        return text

    def _real(self, command: str) -> str:
        for old, new in self._ids.items():
            command = command.replace(old, new)
        return command

    def _do(self, command: str) -> str:
        """Run a command, and return what it printed; of a server, its first line."""
        ours, theirs = pty.openpty()
        bin_ = Path(sys.executable).parent
        env = {k: v for k, v in os.environ.items() if not k.startswith("INTERLOCK_")}
        env |= {"COLUMNS": str(_COLUMNS), "NO_COLOR": "1", "TERM": "xterm"}
        process = subprocess.Popen(
            ["bash", "-c", f"exec {self._here(self._real(command))}"]
            if command.startswith(_SERVERS)
            else ["bash", "-c", self._here(self._real(command))],
            cwd=self.folder,
            env={**env, "PATH": f"{bin_}:{os.environ['PATH']}"},
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
        )
        os.close(theirs)
        is_server = command.startswith(_SERVERS)
        if is_server:
            self._servers.append(process)
        printed = _read(ours, lines=1 if is_server else None)
        if is_server:
            self._terminals.append(ours)
        else:
            process.wait(deadline(10))
            os.close(ours)
        return self._plain(printed)

    def _plain(self, printed: bytes) -> str:
        text = printed.decode().replace("\r\n", "\n")
        text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)
        for old, new in self.stands_for.items():
            text = text.replace(new, old)
        text = text.replace(f"{self.folder}/", "").replace(os.uname().nodename, "vm")
        lines = (line.rstrip() for line in text.splitlines())
        kept = [line for line in lines if line and not _BAR.match(line)]
        return "\n".join([*kept, ""]) if kept else ""


def _read(terminal: int, *, lines: int | None) -> bytes:
    """Return what is written to a terminal, or its first lines."""
    printed, until = b"", time.monotonic() + deadline(60)
    while time.monotonic() < until and (lines is None or printed.count(b"\n") < lines):
        if select.select([terminal], [], [], 0.1)[0]:
            try:
                printed += os.read(terminal, 65536)
            except OSError:  # the other side is closed
                break
    return b"".join(printed.splitlines(keepends=True)[:lines])


def _start(found: re.Match[str]) -> int:
    return found.start()
