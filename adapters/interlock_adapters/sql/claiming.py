"""Choose and claim jobs in one transaction, at a cost that no backlog changes.

A *lane* is a queue and a name. The claim's index leads with it, so that paused queues,
names at their limit and names that this worker does not have are skipped with one seek
each, however many of their jobs stand in front; jobs that are not due are not in the
index at all (`ready`).
"""

from collections.abc import Mapping
from datetime import datetime

import sqlalchemy as sa

from interlock.job import Job
from interlock.lifecycle import INITIAL
from interlock.query import ClaimRequest
from interlock_adapters.sql import rows, statements
from interlock_adapters.sql.columns import UtcDateTime
from interlock_adapters.sql.tables import RUNNING

_WHEN = UtcDateTime()
_OPEN = f"status = '{INITIAL}' AND ready = 1"

#: Every lane that has a claimable job, by a loose index scan: one seek a lane.
_LANES = sa.text(f"""
WITH RECURSIVE lane (queue, name) AS (
  SELECT * FROM (SELECT queue, name FROM job WHERE {_OPEN}
                 ORDER BY queue, name LIMIT 1) AS first
  UNION ALL
  SELECT next.queue, next.name FROM lane JOIN job AS next ON next.id = (
    SELECT id FROM job WHERE {_OPEN} AND (queue, name) > (lane.queue, lane.name)
    ORDER BY queue, name LIMIT 1)
)
SELECT lane.queue, lane.name,
  coalesce((SELECT paused FROM queue WHERE queue.name = lane.queue), false) AS paused,
  (SELECT max_running FROM job_name WHERE job_name.name = lane.name) AS allowed,
  (SELECT count(*) FROM job WHERE status = '{RUNNING}' AND job.name = lane.name)
    AS running
FROM lane
""")

_HEAD = sa.text(
    f"SELECT priority, id FROM job WHERE {_OPEN} AND queue = :queue AND name = :name"
    " AND (expires_at IS NULL OR expires_at >= :now)"
    " ORDER BY priority DESC, id LIMIT :many"
).bindparams(sa.bindparam("now", type_=_WHEN))

_DUE = f"status = '{INITIAL}' AND ready = 0 AND run_at <= :now"
_PROMOTE = sa.text(f"UPDATE job SET ready = 1 WHERE {_DUE}").bindparams(
    sa.bindparam("now", type_=_WHEN)
)
_LOOK = sa.text(
    f"SELECT EXISTS (SELECT 1 FROM job WHERE {_OPEN}) AS ready,"
    f" EXISTS (SELECT 1 FROM job WHERE {_DUE}) AS due"
).bindparams(sa.bindparam("now", type_=_WHEN))


def look(connection: sa.Connection, now: datetime) -> tuple[bool, bool]:
    """Return whether jobs are ready, and whether others have become due; no lock."""
    ready, due = connection.execute(_LOOK, {"now": now}).one()
    return bool(ready), bool(due)


def claim(
    connection: sa.Connection,
    request: ClaimRequest,
    *,
    due: bool,
    lease_until: int,
    epoch: str,
) -> list[Job]:
    """See `JobStore.claim`. The caller holds the database's write lock."""
    if due:
        connection.execute(_PROMOTE, {"now": request.now})
    chosen: list[tuple[int, str, str]] = []
    slots: dict[str, int] = {}
    for lane in connection.execute(_LANES).mappings():
        if not lane["paused"] and _wanted(lane, request):
            many = _room(lane, request, slots)
            head = {**lane, "now": request.now, "many": many}
            found = connection.execute(_HEAD, head)
            chosen += [(-row.priority, row.id, lane["name"]) for row in found]
    ids = _fit(sorted(chosen), request.limit, slots)
    if not ids:
        return []
    facts = {
        "p_ids": ids,
        "p_now": request.now,
        "p_actor": request.worker_id,
        "p_worker_id": request.worker_id,
        "p_lease_until": lease_until,
        "p_lease_epoch": epoch,
    }
    found = connection.execute(statements.claim(), facts)
    jobs = [rows.to_job(row, now=request.now) for row in found.mappings()]
    return sorted(jobs, key=lambda job: (-job.priority, job.id))  # RETURNING has none


def _wanted(lane: sa.RowMapping, request: ClaimRequest) -> bool:
    queues = request.queues
    return lane["name"] in request.names and (queues is None or lane["queue"] in queues)


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
