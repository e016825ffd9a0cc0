"""Chooses and claims jobs in one transaction, at a cost independent of the backlog.

A *lane* is a queue and a name. The claim's index leads with it, so that paused queues,
names at their limit and names that this worker does not have are skipped with one seek
each, however many of their jobs stand in front; jobs that are not due are not in the
index at all (`ready`).
"""

from collections.abc import Mapping
from functools import cache

import sqlalchemy as sa

from interlock.core.job import Job
from interlock.core.lifecycle import INITIAL
from interlock.core.records import ClaimRequest
from interlock_adapters.sql.schema.column_types import UtcDateTime
from interlock_adapters.sql.schema.flavor import Flavor
from interlock_adapters.sql.schema.row_rules import RUNNING
from interlock_adapters.sql.statements import rows, updates

_OPEN = f"status = '{INITIAL}' AND ready = 1"
_DUE = f"status = '{INITIAL}' AND ready = 0 AND run_at <= :now"
_NOW = sa.bindparam("now", type_=UtcDateTime())
_LIMITED = sa.text(
    "SELECT name FROM interlock_job_name WHERE name IN :names ORDER BY name FOR UPDATE"
).bindparams(sa.bindparam("names", expanding=True))


@cache
def _promote(flavor: Flavor) -> sa.TextClause:
    by = flavor.by_index("ix_interlock_job_due")
    due = f"SELECT id FROM interlock_job {by} WHERE {_DUE}{_locked(flavor)}"
    return sa.text(
        f"UPDATE interlock_job SET ready = 1 WHERE id IN ({due})"
    ).bindparams(_NOW)


def _locked(flavor: Flavor) -> str:
    """Return what leaves rows out that another claimer looks at."""
    return " FOR UPDATE SKIP LOCKED" if flavor.is_postgres else ""


@cache
def _lanes(flavor: Flavor) -> sa.TextClause:
    """Return the query of every lane with a claimable job: one seek a lane.

    It is a loose index scan. A last row without a name says that jobs have become due
    and are to be promoted first.
    """
    by_claim, by_due, by_running = (
        flavor.by_index(f"ix_interlock_job_{name}")
        for name in ("claim", "due", "running")
    )
    return sa.text(f"""
WITH RECURSIVE lane (queue, name) AS (
  SELECT * FROM (SELECT queue, name FROM interlock_job {by_claim} WHERE {_OPEN}
                 ORDER BY queue, name LIMIT 1) AS first
  UNION ALL
  SELECT next.queue, next.name FROM lane JOIN interlock_job AS next ON next.id = coalesce(
    (SELECT id FROM interlock_job {by_claim}
     WHERE {_OPEN} AND queue = lane.queue AND name > lane.name
     ORDER BY queue, name LIMIT 1),
    (SELECT id FROM interlock_job {by_claim}
     WHERE {_OPEN} AND queue > lane.queue ORDER BY queue, name LIMIT 1))
)
SELECT lane.queue, lane.name,
  coalesce((SELECT paused FROM interlock_queue AS halted WHERE halted.name = lane.queue), false) AS paused,
  (SELECT max_running FROM interlock_job_name AS named WHERE named.name = lane.name) AS allowed,
  (SELECT count(*) FROM interlock_job {by_running}
   WHERE status = '{RUNNING}' AND interlock_job.name = lane.name) AS running
FROM lane
UNION ALL
SELECT NULL, NULL, false, NULL, 0
WHERE EXISTS (SELECT 1 FROM interlock_job {by_due} WHERE {_DUE})
""").bindparams(_NOW)


@cache
def _head(flavor: Flavor) -> sa.TextClause:
    return sa.text(
        f"SELECT priority, id FROM interlock_job {flavor.by_index('ix_interlock_job_claim')}"
        f" WHERE {_OPEN} AND queue = :queue AND name = :name"
        " AND run_at <= :now AND (expires_at IS NULL OR expires_at >= :now)"
        f" ORDER BY priority DESC, id LIMIT :many{_locked(flavor)}"
    ).bindparams(_NOW)


def is_any(connection: sa.Connection, request: ClaimRequest, flavor: Flavor) -> bool:
    """Whether a claim may find something; takes no lock."""
    lanes = _find_lanes(connection, request, flavor)
    return any(lane["name"] is None or _wanted(lane, request) for lane in lanes)


def claim(
    connection: sa.Connection,
    request: ClaimRequest,
    flavor: Flavor,
    *,
    lease_now: int | None,
    epoch: str,
) -> list[Job]:
    """See `JobStore.claim`. The caller has begun a transaction that writes."""
    if flavor.is_postgres:  # nobody else counts the slots of these names meanwhile
        connection.execute(_LIMITED, {"names": list(request.names)})
    lanes = _find_lanes(connection, request, flavor)
    if any(lane["name"] is None for lane in lanes):
        connection.execute(_promote(flavor), {"now": request.now})
        lanes = _find_lanes(connection, request, flavor)
    chosen: list[tuple[int, str, str]] = []
    slots: dict[str, int] = {}
    for lane in lanes:
        if _wanted(lane, request):
            many = _room(lane, request, slots)
            head = {**lane, "now": request.now, "many": many}
            found = connection.execute(_head(flavor), head)
            chosen += [(-row.priority, row.id, lane["name"]) for row in found]
    ids = _fit(sorted(chosen), request.limit, slots)
    if not ids:
        return []
    facts = {
        "p_ids": ids,
        "p_now": request.now,
        "p_worker_id": request.worker_id,
        "p_lease_now": lease_now,
        "p_lease_us": round(request.lease.total_seconds() * 1_000_000),
        "p_lease_epoch": epoch,
    }
    found = connection.execute(updates.claim(flavor), facts)
    jobs = [rows.to_job(row, now=request.now) for row in found.mappings()]
    return sorted(jobs, key=lambda job: (-job.priority, job.id))  # RETURNING has none


def _find_lanes(
    connection: sa.Connection, request: ClaimRequest, flavor: Flavor
) -> list[sa.RowMapping]:
    found = connection.execute(_lanes(flavor), {"now": request.now})
    return list(found.mappings())


def _wanted(lane: sa.RowMapping, request: ClaimRequest) -> bool:
    if lane["paused"] or lane["name"] not in request.names:
        return False
    return request.queues is None or lane["queue"] in request.queues


def _room(lane: sa.RowMapping, request: ClaimRequest, slots: dict[str, int]) -> int:
    """Return how many of this lane may be claimed; remember the name's free slots."""
    if lane["allowed"] is None:
        return request.limit
    slots[lane["name"]] = max(0, lane["allowed"] - lane["running"])
    return min(request.limit, slots[lane["name"]])


def _fit(
    candidates: list[tuple[int, str, str]], limit: int, slots: Mapping[str, int]
) -> list[str]:
    """Return the first `limit` ids that the slots of their names allow."""
    left = dict(slots)
    ids = []
    for _, job_id, name in candidates:
        if left.get(name, 1) <= 0:
            continue
        if name in left:
            left[name] -= 1
        ids.append(job_id)
        if len(ids) == limit:
            break
    return ids
