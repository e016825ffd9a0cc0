"""A guard means the same in the model as in the engine."""

from datetime import UTC, datetime
from itertools import product

import pytest

from interlock.core import guards
from interlock.core.job import Job
from interlock.core.lifecycle import Guard, JobStatus, StopCause
from interlock.core.retry import Retry

from .rules import UNMODELLED, Facts, predicate
from .state import MAX_ATTEMPTS, MAX_LOSSES, Parents, Row

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
BOOLS = (False, True)
ROWS = [
    Row(JobStatus.RUNNING, 1, *columns)
    for columns in product(
        range(MAX_ATTEMPTS),
        range(MAX_LOSSES),
        BOOLS,
        (None, *StopCause),
        *[BOOLS] * 3,
    )
]
ROWS += [Row(parents=parents) for parents in Parents]
ROWS += [Row(attempt=1, awaits=awaits) for awaits in BOOLS]
FACTS = [Facts(*each) for each in product((None, 0, 1), BOOLS, BOOLS, BOOLS, BOOLS)]


def _job(row: Row) -> Job:
    return Job(
        id="job",
        name="job",
        params={},
        created_at=NOW,
        run_at=NOW,
        status=row.status,
        attempt=row.attempt,
        failures=row.failures,
        losses=row.losses,
        cancel_requested_at=NOW if row.cancel else None,
        stop_cause=row.stop,
        hold_by="anna" if row.held else None,
        on_parent_failure="cancel",
        retry=Retry(max_attempts=MAX_ATTEMPTS, on_timeout=row.on_timeout),
        max_losses=MAX_LOSSES,
    )


@pytest.mark.parametrize("guard", sorted(set(Guard) - UNMODELLED), ids=lambda g: g.name)
def test_the_model_reads_a_guard_as_the_engine_does(guard: Guard) -> None:
    holds = predicate(guard)
    for row in ROWS:
        job = _job(row)
        for facts in FACTS:
            known = guards.Facts(
                now=NOW,
                lease_live=row.leased,
                attempt=facts.attempt,
                proved=facts.proved,
                failed=facts.failed,
                gave_back=facts.gave_back,
                domain_empty=facts.domain_empty,
                children_ended=not row.awaits,
                parents_done=row.parents is Parents.DONE,
                parent_failed=row.parents is Parents.FAILED,
            )
            assert holds(row, facts) is guards.holds(guard, job, known), (row, facts)
