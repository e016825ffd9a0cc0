"""Seeded runs of the simulated world: no promise breaks, and a seed is a run.

`INTERLOCK_SIMULATION_RUNS=500` makes more of them, and `INTERLOCK_SIMULATION_SEED=7`
begins with another seed than 1; `make simulate` takes all cores for many hours.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from interlock.core.lifecycle import TABLE, JobStatus
from pace import THOROUGH, deadline

from .simulation import Report, simulate

FIRST = int(os.environ.get("INTERLOCK_SIMULATION_SEED", "1"))
RUNS = int(os.environ.get("INTERLOCK_SIMULATION_RUNS", "6"))
ORDINARY_S = 3600.0 if THOROUGH else 600.0
pytestmark = pytest.mark.timeout(deadline(60 + 10 * RUNS))


@cache
def run_of(seed: int) -> Report:
    return simulate(seed, ordinary_s=ORDINARY_S)


def _digest(report: Report) -> str:
    return hashlib.sha256("\n".join(report.trace).encode()).hexdigest()


@pytest.mark.parametrize("seed", range(FIRST, FIRST + RUNS))
def test_no_promise_breaks(seed: int) -> None:
    report = run_of(seed)
    assert not report.violations, str(report)


def test_a_seed_replays_exactly_in_another_process() -> None:
    program = (
        "from simulation.test_simulation import _digest, run_of;"
        f"print(_digest(run_of({FIRST})))"
    )
    again = subprocess.run(
        [sys.executable, "-c", program],
        cwd=Path(__file__).parents[1],
        env={**os.environ, "PYTHONHASHSEED": "7"},
        check=True,
        capture_output=True,
        text=True,
    )
    assert again.stdout.strip() == _digest(run_of(FIRST))


def test_two_seeds_are_two_runs() -> None:
    assert _digest(run_of(FIRST)) != _digest(run_of(FIRST + 1))


def test_everything_that_can_happen_does_happen() -> None:
    unseen = {row.event.value for row in TABLE} - {"claim", "renew"}
    unseen |= {status for status in JobStatus if status.is_terminal}
    for seed in range(1, 25):
        report = run_of(seed)
        moves = (line.partition(" -> ") for line in report.trace if " -> " in line)
        unseen -= {before.split()[-1] for before, _, _ in moves}
        unseen -= {status for status, count in report.ends.items() if count}
        if not unseen:
            break
    assert unseen == set()
