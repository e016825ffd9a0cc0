"""The jobs of the demonstration, on real input: the standard library's own files."""

import hashlib
import os
import subprocess
import sys
import time
from pathlib import Path

from interlock import Retry, TransientError, current_job, job

Counts = dict[str, int | str]


@job(name="demo.digest", timeout=60)
def digest(folder: str) -> Counts:
    """Hash every source file of a folder, and count its lines and words."""
    files = sorted(Path(folder).glob("*.py"))
    whole = hashlib.sha256()
    lines = words = 0
    for done, path in enumerate(files, start=1):
        content = path.read_bytes()
        whole.update(hashlib.sha256(content).digest())
        lines += content.count(b"\n")
        words += len(content.split())
        current_job().progress(done, len(files), phase="hashing", unit="files")
    print(f"{folder}: {len(files)} files, {words} words")  # noqa: T201  (its log)
    return {
        "files": len(files),
        "lines": lines,
        "words": words,
        "sha256": whole.hexdigest(),
    }


@job(name="demo.flaky", retry=Retry(max_attempts=3, backoff=0.2))
def flaky() -> str:
    """Fail twice for a passing reason, then succeed."""
    attempt = current_job().attempt
    if attempt < 3:  # noqa: PLR2004  (twice)
        raise TransientError(f"attempt {attempt}: the service is not ready yet")
    return f"succeeded at attempt {attempt}"


@job(name="demo.stuck", timeout=1.0, grace=0.2)
def stuck() -> int:
    """Run longer than the timeout in one call of C code, which nothing interrupts."""
    power: int = pow(3, 400_000_000)
    return power.bit_length()


@job(name="demo.family", grace=0.2)
def family() -> None:
    """Start a child in a session of its own and a daemon, then compute for ever."""
    code = "import time; time.sleep(600)"
    subprocess.Popen([sys.executable, "-c", code], start_new_session=True)  # noqa: S603
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:  # the daemonised grandchild: no parent, no group of ours
            time.sleep(600)
        os._exit(0)
    while True:
        hashlib.sha256(os.urandom(1_000_000)).digest()
