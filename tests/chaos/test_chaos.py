"""A short storm on each database; `make chaos SECONDS=600` makes it a long one."""

from __future__ import annotations

import os
import time
from collections import Counter
from pathlib import Path

import pytest

import postgres
from pace import deadline

from .storm import Storm

SECONDS = float(os.environ.get("INTERLOCK_CHAOS_SECONDS", "5"))
SEED = int(os.environ.get("INTERLOCK_CHAOS_SEED", "1"))
pytestmark = pytest.mark.timeout(SECONDS * 3 + deadline(240))


def _judged(storm: Storm) -> None:
    storm.blow(SECONDS)
    violations = storm.calm()
    print(
        dict(storm.done),
        Counter(violation.partition(": ")[2] for violation in violations),
    )
    assert violations == []
    assert storm.done["SUCCEEDED"] > 0


def test_a_storm_on_sqlite_loses_and_doubles_nothing(tmp_path: Path) -> None:
    _judged(Storm(f"sqlite:///{tmp_path}/jobs.db", tmp_path, SEED, None))


def test_a_storm_on_postgres_loses_and_doubles_nothing(tmp_path: Path) -> None:
    program = postgres.initdb()
    if program is None:
        pytest.skip("NO initdb: there is no PostgreSQL to crash")
    server = postgres.OwnServer(program)

    def crash() -> None:
        server.stop_at_once()
        time.sleep(0.5)
        server.start()

    try:
        _judged(Storm(server.url, tmp_path, SEED, crash))
    finally:
        server.remove()
