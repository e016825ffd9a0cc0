"""Jobs that write as people do; most go on when the test has made the file `gate`."""

from __future__ import annotations

import subprocess
import sys
import time
import warnings
from pathlib import Path

from rich.console import Console
from rich.progress import Progress
from tqdm import tqdm

from interlock import job


def wait_for(gate: str) -> None:
    while not Path(gate).exists():
        time.sleep(0.01)


@job(name="log.bar")
def bar(how: str, gate: str) -> None:
    """Be half done until the gate opens."""
    match how:
        case "tqdm":
            for step in tqdm(range(4), mininterval=0):
                if step == 2:
                    wait_for(gate)
        case "nested":
            for _ in tqdm(range(1), mininterval=0):
                for step in tqdm(range(400), mininterval=0):
                    if step == 200:
                        wait_for(gate)
        case "rich":
            with Progress(console=Console(force_terminal=True)) as progress:
                task = progress.add_task("Packing", total=4)
                progress.advance(task, 2)
                wait_for(gate)
                progress.advance(task, 2)
        case _:  # as ffmpeg does
            for percent in (25, 50, 75, 100):
                sys.stderr.write(f"{percent}%\r")
                if percent == 50:
                    wait_for(gate)


@job(name="log.partial")
def partial(gate: str) -> None:
    print("Loading", end="... ", flush=True)
    wait_for(gate)
    print("done")


@job(name="log.fresh", isolation="interpreter")
def fresh(gate: str) -> None:
    partial(gate)


@job(name="log.program")
def program(command: list[str], gate: str) -> None:
    """Run a program, and end it when the gate opens."""
    with subprocess.Popen(command) as running:
        wait_for(gate)
        running.terminate()


@job(name="log.warn")
def warn() -> None:
    warnings.warn("old fashioned", stacklevel=1)
