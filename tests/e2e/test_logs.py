"""The log of a job, while it runs."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from interlock import Engine, JobHandle
from interlock.jobs.registry import JobFunction
from pace import deadline
from workers import working_engine

from . import log_jobs as jobs
from .processes import until

PRINTS = "import time; print('one'); print('two', end=''); time.sleep(60)"
COPIES = ["dd", "if=/dev/zero", "of=/dev/null", "status=progress"]
SCRIPT = """
{top}
from interlock import job

@job(name="shop.pack", isolation="{isolation}")
def pack() -> None:
    import sys
    assert ("logging" in sys.modules) is {loaded}
    import logging
    log = logging.getLogger("shop.orders")
    log.debug("too much")
    log.info("packed %d", 3)
    logging.getLogger("urllib3.connectionpool").debug("noise")
    try:
        1 / 0
    except ZeroDivisionError:
        log.exception("not packed")

if __name__ == "__main__":
    from interlock import Engine

    with Engine.open("sqlite:///jobs.db") as engine, engine.worker(concurrency=1):
        handle = engine.submit(pack)
        handle.result(30)
        for line in engine.log(handle.id):
            print(line.stream, line.text)
"""


@pytest.fixture(scope="module")
def working(home: Path) -> Iterator[Engine]:
    with pytest.MonkeyPatch.context() as patched:
        patched.delenv("PYTHONUNBUFFERED", raising=False)
        with working_engine(home) as engine:
            yield engine


@pytest.fixture
def gate(tmp_path: Path) -> Path:
    return tmp_path / "gate"


def texts(engine: Engine, handle: JobHandle[None], stream: str) -> list[str]:
    return [line.text for line in engine.log(handle.id) if line.stream == stream]


def shows(engine: Engine, handle: JobHandle[None], words: str, stream: str) -> None:
    """Wait until a job's log has a line with these words."""
    until(lambda: any(words in text for text in texts(engine, handle, stream)))


@pytest.mark.parametrize(
    ("how", "stream"),
    [
        ("tqdm", "stderr"),
        ("nested", "stderr"),
        ("rich", "stdout"),
        ("after", "stderr"),
    ],
)
def test_a_bar_is_seen_while_it_moves_and_ends_whole(
    working: Engine, gate: Path, how: str, stream: str
) -> None:
    handle = working.submit(jobs.bar, how, str(gate))
    shows(working, handle, "50%", stream)
    gate.touch()
    handle.result(deadline(20))
    states = [line for line in texts(working, handle, stream) if "%" in line]
    assert "100%" in states[-1]
    assert len(states) < 8


@pytest.mark.parametrize("job", [jobs.partial, jobs.fresh])
def test_what_has_no_newline_yet_is_seen(
    working: Engine, gate: Path, job: JobFunction[[str], None]
) -> None:
    handle = working.submit(job, str(gate))
    shows(working, handle, "Loading... ", "stdout")
    gate.touch()
    handle.result(deadline(20))
    assert texts(working, handle, "stdout") == ["Loading... ", "done"]


def test_the_output_of_programs_is_seen_while_they_run(
    working: Engine, gate: Path
) -> None:
    python = working.submit(
        jobs.program, [sys.executable, "-u", "-c", PRINTS], str(gate)
    )
    copies = working.submit(jobs.program, COPIES, str(gate))
    shows(working, python, "two", "stdout")
    shows(working, copies, "bytes", "stderr")
    gate.touch()
    for handle in (python, copies):
        handle.result(deadline(20))
    assert texts(working, python, "stdout") == ["one", "two"]


def test_a_warning_is_in_the_log(working: Engine) -> None:
    handle = working.submit(jobs.warn)
    handle.result(deadline(20))
    assert "UserWarning: old fashioned" in texts(working, handle, "stderr")[0]


@pytest.mark.parametrize(
    ("top", "isolation", "loaded"),
    [
        ("import logging", "fork", True),
        ("import logging", "interpreter", True),
        ("", "fork", False),
        ("", "interpreter", False),
    ],
)
def test_records_from_info_up_are_in_the_log_of_a_job(
    tmp_path: Path, top: str, isolation: str, *, loaded: bool
) -> None:
    script = tmp_path / "shop.py"
    script.write_text(SCRIPT.format(top=top, isolation=isolation, loaded=loaded))
    program = [sys.executable, "-W", "ignore", str(script)]
    done = subprocess.run(
        program,
        cwd=tmp_path,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        timeout=deadline(60),
    )
    lines = done.stdout.splitlines()
    assert lines[:3] == [
        "stderr INFO shop.orders: packed 3",
        "stderr ERROR shop.orders: not packed",
        "stderr Traceback (most recent call last):",
    ]
    assert lines[-1] == "stderr ZeroDivisionError: division by zero"
    assert sum("orders" in line for line in lines) == 2


@contextmanager
def half_a_package(gate: threading.Event) -> Iterator[str]:
    """Serve a package whose second half comes when the gate is open."""

    class Half(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", "2000000")
            self.end_headers()
            self.wfile.write(bytes(1_000_000))
            gate.wait(deadline(60))

        def log_message(self, *_args: object) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Half) as server:
        threading.Thread(target=server.serve_forever).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/half-1.0-py3-none-any.whl"
        finally:
            gate.set()
            server.shutdown()


def test_a_download_of_pip_is_seen(working: Engine, gate: Path) -> None:
    opened = threading.Event()
    with half_a_package(opened) as url:
        pip = [sys.executable, "-m", "pip", "download", "--isolated", "--no-deps", url]
        handle = working.submit(jobs.program, pip, str(gate))
        shows(working, handle, "Downloading http", "stdout")
        gate.touch()
        handle.result(deadline(20))
