"""The session of the page about HTTP runs as it is printed."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from pathlib import Path

from pace import deadline

PAGE = (Path(__file__).parents[2] / "docs/http.md").read_text()


def _block(kind: str, words: str) -> str:
    blocks = re.findall(rf"```{kind}\n(.*?)```", PAGE, flags=re.DOTALL)
    (found,) = (block for block in blocks if words in block)
    return str(found)


def _free_port() -> str:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return str(listening.getsockname()[1])


def test_the_session_runs_as_it_is_printed(tmp_path: Path) -> None:
    port = _free_port()
    session = _block("sh", "interlock serve").replace("8000", port)
    client = _block("python", "Client(").replace("8000", port)
    (tmp_path / "naps.py").write_text(_block("python", "# naps.py"))
    (tmp_path / "client.py").write_text(client)
    script = session.replace("kill $!", f"{sys.executable} client.py; kill $!; wait")
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("INTERLOCK_")}
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=tmp_path,
        env={**inherited, "PATH": path},
        capture_output=True,
        text=True,
        timeout=deadline(55),
        check=False,
    )
    output = done.stdout
    assert '{"status":"alive"}' in output, done.stderr
    assert re.findall(r'^data: .*"event": "(\w+)"', output, flags=re.MULTILINE) == [
        "submit",
        "claim",
        "succeed",
    ]
    assert '"job_status":"SUCCEEDED"' in output
    assert '"legal_events":[]' in output
    assert '"problems":["seconds is missing","second is unexpected"]' in output
    first, second = re.findall(r'"name":"nap".*?"status":"(\w+)".*?}', output)
    assert (first, second) == ("RUNNING", "CANCELED")
    assert '"cancel_reason":"enough"' in output
    assert '"actor":"anna","reason":"enough"' in output
    assert output.endswith("0.1\n")
