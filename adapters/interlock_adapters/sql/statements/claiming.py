"""The SQL of a claim, and of parking what cannot start.

Each partial index is worded for one kind of statement: PostgreSQL without statistics
takes any index whose predicate a query implies, and sorts. It proves a predicate from
the same words alone. No cause is called like an index: causes have a colon, or are
`due`, `expired` or `overdue`. SQLite is told the index.

One file, because the statements of a claim share their indexes and conditions.
"""

from functools import cache
from typing import Final

import sqlalchemy as sa

from interlock.core.lifecycle import INITIAL
from interlock_adapters.sql.schema import guard_sql
from interlock_adapters.sql.schema.column_types import UtcDateTime
from interlock_adapters.sql.schema.flavor import Flavor
from interlock_adapters.sql.schema.held import (
    AGING,
    DUE,
    ORDER,
    PARKED,
    RANKED,
    is_open,
)
from interlock_adapters.sql.schema.row_rules import RUNNING, found_in

BARRIER: Final = 7_305_103  # held shared by claims: who changes a limit waits for them
_NOW: Final = sa.bindparam("now", type_=UtcDateTime())
_ROW: Final = (
    "id, name, queue, urgency, attempt, run_at, expires_at, deadline_at, keys,"
    " when_full, fair_key, turn, dependencies"
)
#: Whether a job may depend on others, or wait for them.
_MAY_WAIT: Final = "CASE WHEN dependencies = 0 AND attempt = 0 THEN 0 ELSE 1 END"
_BEST: Final = f"ORDER BY {', '.join(ORDER)}"
#: A claim's statements must stay on their indexes, with statistics or without. A
#: disabled sort has a cost so high that it would start the JIT compiler.
PLANNER: Final = ", ".join(
    f"set_config('{name}', 'off', true)"
    for name in ("enable_sort", "enable_bitmapscan", "enable_seqscan", "jit")
)


def _by(flavor: Flavor, index: str) -> str:
    return flavor.by_index(f"ix_interlock_job_{index}")


def skip_locked(flavor: Flavor) -> str:
    """Return what leaves rows out that another transaction has locked."""
    return " FOR UPDATE SKIP LOCKED" if flavor.is_postgres else ""


def each(flavor: Flavor, parameter: str) -> str:
    """Return a table, with a column `value`, of a list that is a parameter."""
    if flavor.is_postgres:
        return f"(SELECT unnest(CAST(:{parameter} AS text[])) AS value)"
    return f"(SELECT value FROM json_each(:{parameter}))"


def _among(flavor: Flavor, parameter: str) -> str:
    if flavor.is_postgres:
        return f"= ANY(CAST(:{parameter} AS text[]))"
    return f"IN {each(flavor, parameter)}"


def _but_for(flavor: Flavor) -> str:
    if flavor.is_postgres:
        return " AND id <> ALL(CAST(:without AS text[]))"
    return f" AND id NOT IN {each(flavor, 'without')}"


def by_ids(flavor: Flavor, *, is_startable: bool = True) -> str:
    """Return the condition of waiting rows that are found by their ids, `:ids`."""
    held = " AND coalesce(held_by, 'id') = 'id'" if is_startable else ""
    return f"{found_in(INITIAL)}{held} AND id {_among(flavor, 'ids')}"


@cache
def begin_claim() -> sa.TextualSelect:
    """Return what a claim on PostgreSQL does first: planner, barrier, and clock."""
    return sa.text(
        f"SELECT {PLANNER}, pg_advisory_xact_lock_shared({BARRIER}),"
        " clock_timestamp() AS now"
    ).columns(now=UtcDateTime)


@cache
def barrier() -> sa.TextClause:
    """Return what waits for the claims that may have read old limits and pauses."""
    return sa.text(f"SELECT pg_advisory_xact_lock({BARRIER})")


@cache
def look(flavor: Flavor, source: str, *, has_without: bool = False) -> sa.TextClause:
    """Return the query of some waiting jobs and all that decides about their start.

    It is one statement, of one snapshot: with two, a job could be seen parked and, a
    moment later, its slot free, and a worse job of the same key would start first.

    Args:
        flavor: of the database.
        source: `window` for the first `:size` open jobs, `ids` for those of `:ids`,
            `any` for parked ones of `:ids` too.
        has_without: the window leaves out the ids `:without`.
    """
    without = _but_for(flavor) if has_without else ""
    jobs = {
        "window": f"SELECT {_ROW} FROM interlock_job {_by(flavor, 'open')}"
        f" WHERE {is_open('open')}{without} {_BEST} LIMIT :size",
        "ids": f"SELECT {_ROW} FROM interlock_job WHERE {by_ids(flavor)}",
        "any": f"SELECT {_ROW} FROM interlock_job"
        f" WHERE {by_ids(flavor, is_startable=False)}",
    }[source]
    own = "candidate, json_each(candidate.keys) AS k"
    limited = (
        "SELECT 'name:' || name FROM candidate"
        " UNION SELECT 'queue:' || queue FROM candidate"
        f" UNION SELECT k.key FROM {own}"
        f" UNION SELECT {guard_sql.spoken(guard_sql.BASE, flavor)} FROM {own}"
    )
    none = "'', '', 0, 0, 0, NULL, NULL, NULL, 0, 0"
    return sa.text(f"""
WITH candidate AS MATERIALIZED ({jobs}),
limited (key) AS MATERIALIZED ({limited})
SELECT 'job' AS kind, id, name, queue, urgency,
  CASE WHEN run_at > :now THEN 1 ELSE 0 END AS early,
  CASE WHEN attempt = 0 AND expires_at < :now THEN 1
    WHEN deadline_at < :now THEN 2 ELSE 0 END AS late,
  CAST(keys AS TEXT), when_full, fair_key, turn, {_MAY_WAIT} FROM candidate
UNION ALL SELECT 'paused', name, {none} FROM interlock_queue
  WHERE paused AND name IN (SELECT queue FROM candidate)
UNION ALL SELECT 'hold', target, {none} FROM interlock_hold
  WHERE released_at IS NULL AND (target IN (SELECT key FROM limited)
    OR target IN (SELECT 'key:' || key FROM limited))
UNION ALL SELECT 'limit', key, '', '', max_running, rate_count, rate_period_s,
  NULL, NULL, NULL, 0, 0 FROM interlock_limit WHERE key IN (SELECT key FROM limited)
UNION ALL SELECT 'slot', key, '', '', number, 0, 0, NULL, NULL, NULL, 0, 0
  FROM interlock_slot
  WHERE key IN (SELECT key FROM limited)
UNION ALL SELECT 'due', '', {none}
  WHERE EXISTS (SELECT 1 FROM interlock_job {_by(flavor, "due")}
                WHERE {DUE} AND run_at <= :now)
""").bindparams(_NOW)


@cache
def blocked(flavor: Flavor) -> sa.TextClause:
    """Return the query of those of `:ids` that others keep from starting.

    A query of its own: most jobs wait for no other, and it costs more than they do.
    """
    of_row = [
        guard_sql.SQL[guard].format(o="interlock_job.") for guard in guard_sql.ALONE
    ]
    return sa.text(
        f"SELECT id FROM interlock_job WHERE {by_ids(flavor, is_startable=False)}"
        f" AND NOT ({' AND '.join(of_row)})"
    )


@cache
def lanes(flavor: Flavor, *, by_queue: bool, is_paused: bool) -> sa.TextClause:
    """Return the query of the own lanes with the best heads: one seek a lane.

    The best `:many` jobs stand in at most as many lanes. A lane is a name, or a name
    and a queue where only some queues are of use.

    Args:
        flavor: of the database.
        by_queue: the worker takes jobs of `:queues` only.
        is_paused: some queue is paused.
    """
    paused = "SELECT 1 FROM interlock_queue AS p WHERE p.name = {} AND p.paused"
    index, columns = "lane", "name, queue"
    if by_queue:
        pairs = (
            "SELECT n.value AS name, q.value AS queue"
            f" FROM {each(flavor, 'names')} AS n"
            f" CROSS JOIN {each(flavor, 'queues')} AS q"
            f" WHERE NOT EXISTS ({paused.format('q.value')})"
        )
    elif is_paused:  # a loose scan over the queues of the own names
        following = (
            f"(SELECT queue FROM interlock_job {_by(flavor, 'lane')}"
            f" WHERE {is_open('lane')} AND name = {{}} AND queue > {{}}"
            " ORDER BY queue LIMIT 1)"
        )
        pairs = f"""WITH RECURSIVE pair (name, queue) AS (
  SELECT n.value, {following.format("n.value", "''")} FROM {each(flavor, "names")} AS n
  UNION ALL
  SELECT name, {following.format("pair.name", "pair.queue")} FROM pair
  WHERE queue IS NOT NULL)
SELECT name, queue FROM pair WHERE queue IS NOT NULL
  AND NOT EXISTS ({paused.format("pair.queue")}) LIMIT 1000"""
    else:
        index, columns = "kind", "name"
        pairs = f"SELECT n.value AS name FROM {each(flavor, 'names')} AS n"
    head = (
        f"(SELECT {{}} FROM interlock_job {_by(flavor, index)} WHERE {is_open(index)}"
        f" AND {_of_lane(columns, 'lane.')} {_BEST} LIMIT 1)"
    )
    return sa.text(
        f"WITH head AS MATERIALIZED (SELECT lane.*, {head.format('urgency')} AS"
        f" urgency, {head.format('turn')} AS turn, {head.format('id')} AS id"
        f" FROM ({pairs}) AS lane)"
        f" SELECT {columns} FROM head WHERE id IS NOT NULL {_BEST} LIMIT :many"
    )


def _of_lane(columns: str, prefix: str) -> str:
    return " AND ".join(
        f"interlock_job.{column} = {prefix}{column}" for column in columns.split(", ")
    )


@cache
def of_lane(
    flavor: Flavor, *, by_queue: bool, has_without: bool = False
) -> sa.TextClause:
    """Return the query of the best `:many` ids of `:name`, or of it and `:queue`.

    `has_without`: but for the ids `:without`.
    """
    without = _but_for(flavor) if has_without else ""
    index, columns = ("lane", "name, queue") if by_queue else ("kind", "name")
    return sa.text(
        f"SELECT id FROM interlock_job {_by(flavor, index)} WHERE {is_open(index)}"
        f" AND {_of_lane(columns, ':')}{without} {_BEST} LIMIT :many"
    )


@cache
def locked(flavor: Flavor, *, most: bool) -> sa.TextClause:
    """Return the query that locks open rows of `:ids`, those that nobody else has.

    `most`: only the best `:many` of them.
    """
    best = f" {_BEST} LIMIT :many" if most else ""
    return sa.text(
        f"SELECT id FROM interlock_job WHERE {by_ids(flavor)}{best}"
        f"{skip_locked(flavor)}"
    )


@cache
def take_slots(flavor: Flavor) -> sa.TextClause:
    """Return the INSERT of slots. On PostgreSQL it returns the jobs that got one."""
    if not flavor.is_postgres:
        return sa.text(
            "INSERT INTO interlock_slot (key, number, job_id, attempt)"
            " SELECT :key, :number, id, attempt + 1 FROM interlock_job"
            " WHERE id = :job_id"
        )
    return sa.text(
        "INSERT INTO interlock_slot (key, number, job_id, attempt)"
        " SELECT taken.key, taken.number, job.id, job.attempt + 1"
        " FROM unnest(CAST(:keys AS text[]), CAST(:numbers AS int[]),"
        " CAST(:ids AS text[])) WITH ORDINALITY AS taken(key, number, job_id, place)"
        " JOIN interlock_job AS job ON job.id = taken.job_id ORDER BY taken.place"
        " ON CONFLICT DO NOTHING RETURNING job_id"
    )


@cache
def give_slots_back(flavor: Flavor) -> sa.TextClause:
    """Return the DELETE of the slots of jobs that did not start."""
    return sa.text(f"DELETE FROM interlock_slot WHERE job_id {_among(flavor, 'ids')}")


@cache
def park(flavor: Flavor) -> sa.TextClause:
    """Return the UPDATE that parks open jobs on one cause."""
    return sa.text(f"UPDATE interlock_job SET held_by = :cause WHERE {by_ids(flavor)}")


@cache
def give_turn() -> sa.TextClause:
    """Return the UPDATE that gives a waiting job its turn."""
    return sa.text(
        "UPDATE interlock_job SET turn = :turn WHERE id = :job_id"
        f" AND {found_in(INITIAL)}"
    )


@cache
def ranked(flavor: Flavor) -> sa.TextClause:
    """Return the query of how many jobs of `:keys` have a turn and may start."""
    return sa.text(
        "SELECT given.value AS fair_key, (SELECT count(*) FROM interlock_job"
        f" {_by(flavor, 'fair')} WHERE {RANKED} AND fair_key = given.value"
        f" AND turn > 0) AS many FROM {each(flavor, 'keys')} AS given"
    )


@cache
def park_unranked(flavor: Flavor) -> sa.TextClause:
    """Return the UPDATE that parks jobs of `:key` that have no turn."""
    some = (
        f"SELECT id FROM interlock_job {_by(flavor, 'fair')} WHERE {RANKED}"
        f" AND fair_key = :key AND turn = 0 LIMIT :many{skip_locked(flavor)}"
    )
    which = f"= ANY(ARRAY({some}))" if flavor.is_postgres else f"IN ({some})"
    return sa.text(f"UPDATE interlock_job SET held_by = :cause WHERE id {which}")


@cache
def age(flavor: Flavor) -> sa.TextClause:
    """Return the UPDATE by which up to `:many` jobs have waited once more."""
    some = (
        f"SELECT id FROM interlock_job {_by(flavor, 'aging')} WHERE {AGING}"
        f" AND next_age_at <= :now LIMIT :many{skip_locked(flavor)}"
    )
    if flavor.is_postgres:
        which = f"= ANY(ARRAY({some}))"
        waited_s = "extract(epoch FROM :now - next_age_at)"
        times = f"CAST(floor({waited_s} / aging_s) AS bigint)"
        after = f"make_interval(secs => aging_s * ({times} + 1))"
    else:
        which = f"IN ({some})"
        times = "CAST((:now - next_age_at) / (aging_s * 1000000) AS INTEGER)"
        after = f"CAST(aging_s * 1000000 * ({times} + 1) AS INTEGER)"
    return sa.text(
        f"UPDATE interlock_job SET urgency = urgency + {times} + 1,"
        f" next_age_at = next_age_at + {after} WHERE id {which}"
    ).bindparams(_NOW)


@cache
def open_parked(flavor: Flavor) -> sa.TextClause:
    """Return the UPDATE that opens the best jobs which are parked on causes.

    On PostgreSQL `:causes` and `:many` are lists; on SQLite they are `:cause`, `:many`.
    """
    best = (
        f"SELECT id FROM interlock_job {_by(flavor, 'held')} WHERE {PARKED}"
        f" AND held_by = {{}} {_BEST} LIMIT {{}}"
    )
    if not flavor.is_postgres:
        return _open(best.format(":cause", ":many"), flavor)
    return _open(
        "SELECT best.id FROM unnest(CAST(:causes AS text[]), CAST(:many AS int[]))"
        " AS c(cause, many) CROSS JOIN LATERAL"
        f" ({best.format('c.cause', 'c.many')}{skip_locked(flavor)}) AS best",
        flavor,
    )


@cache
def promote(flavor: Flavor) -> sa.TextClause:
    """Return the UPDATE that opens the first `:many` jobs which have become due."""
    return _open(
        f"SELECT id FROM interlock_job {_by(flavor, 'due')} WHERE {DUE}"
        f" AND run_at <= :now ORDER BY run_at LIMIT :many{skip_locked(flavor)}",
        flavor,
    ).bindparams(_NOW)


def _open(ids: str, flavor: Flavor) -> sa.TextClause:
    # ARRAY(...) runs once and first; as a join the planner may walk all that is parked.
    some = f"= ANY(ARRAY({ids}))" if flavor.is_postgres else f"IN ({ids})"
    return sa.text(
        f"UPDATE interlock_job SET held_by = NULL WHERE id {some}"
        f" AND {found_in(INITIAL)} AND held_by IS NOT NULL"
    )


@cache
def causes(flavor: Flavor) -> sa.TextClause:
    """Return the query of the next `:many` causes after `:after`: one seek each."""
    following = (
        f"(SELECT held_by FROM interlock_job {_by(flavor, 'held')} WHERE {PARKED}"
        " AND held_by > {} ORDER BY held_by LIMIT 1)"
    )
    return sa.text(
        f"WITH RECURSIVE parked (cause) AS (SELECT {following.format(':after')}"
        f" UNION ALL SELECT {following.format('parked.cause')} FROM parked"
        " WHERE cause IS NOT NULL)"
        " SELECT cause FROM parked WHERE cause IS NOT NULL LIMIT :many"
    )


@cache
def parked_keys(flavor: Flavor) -> sa.TextClause:
    """Return the query of the keys of one job that is parked on each of `:causes`."""
    return sa.text(
        "SELECT given.value AS cause, (SELECT CAST(keys AS TEXT) FROM interlock_job"
        f" {_by(flavor, 'held')} WHERE {PARKED} AND held_by = given.value LIMIT 1)"
        f" AS keys FROM {each(flavor, 'causes')} AS given"
    )


@cache
def room_facts(flavor: Flavor) -> sa.TextClause:
    """Return the query of what decides about causes, among `:names`."""
    among = _among(flavor, "names")
    return sa.text(
        "SELECT 'paused' AS kind, name AS what, 0 AS number, 0 AS count, 0 AS period_s"
        f" FROM interlock_queue WHERE paused AND name {among}"
        " UNION ALL SELECT 'hold', target, 0, 0, 0 FROM interlock_hold"
        f" WHERE released_at IS NULL AND target {among}"
        " UNION ALL SELECT 'limit', key, max_running, rate_count, rate_period_s"
        f" FROM interlock_limit WHERE key {among}"
        " UNION ALL SELECT 'slots', key, count(*), 0, 0"
        f" FROM interlock_slot WHERE key {among} GROUP BY key"
    )


@cache
def limited_keys(flavor: Flavor) -> sa.TextClause:
    """Return the query of the limited keys of the jobs `:ids`, and of their weight."""
    base, weight = (
        guard_sql.spoken(part, flavor) for part in (guard_sql.BASE, guard_sql.WEIGHT)
    )
    limited = guard_sql.LIMIT.format(column="max_running")
    return sa.text(
        "WITH job AS MATERIALIZED (SELECT job.name, job.queue, job.keys"
        f" FROM {each(flavor, 'ids')} AS given CROSS JOIN interlock_job AS job"
        " WHERE job.id = given.value AND EXISTS (SELECT 1 FROM interlock_limit))"
        " SELECT k.key, sum(k.weight) AS many FROM ("
        "SELECT 'name:' || name AS key, 'name:' || name AS base, 1 AS weight FROM job"
        " UNION ALL SELECT 'queue:' || queue, 'queue:' || queue, 1 FROM job"
        f" UNION ALL SELECT k.key, {base}, {weight} FROM job, json_each(job.keys) AS k"
        f") AS k WHERE {limited} IS NOT NULL GROUP BY k.key"
    )


@cache
def lock_causes() -> sa.TextClause:
    """Return what waits for the locks of causes, in one order for everybody."""
    return sa.text(
        "SELECT pg_advisory_xact_lock(number) FROM (SELECT DISTINCT"
        " hashtextextended(cause, 0) AS number FROM unnest(CAST(:causes AS text[]))"
        " AS given(cause) ORDER BY 1 OFFSET 0) AS ordered"
    )


@cache
def try_causes() -> sa.TextClause:
    """Return what takes those locks of causes that nobody else has."""
    return sa.text(
        "SELECT cause, pg_try_advisory_xact_lock(hashtextextended(cause, 0)) AS got"
        " FROM unnest(CAST(:causes AS text[])) AS given(cause)"
    )


@cache
def running_with(flavor: Flavor) -> sa.TextClause:
    """Return the query of running jobs that may have a key: of `:name` or `:queue`.

    With neither, of those with keys of their own. It waits for those that are about to
    end: they delete only slots that they see.
    """
    ending = " FOR NO KEY UPDATE" if flavor.is_postgres else ""
    return sa.text(
        "SELECT id, name, queue, attempt, CAST(keys AS TEXT) AS keys"
        " FROM interlock_job"
        f" WHERE status = '{RUNNING}' AND (name = :name OR queue = :queue OR"
        f" (:has_own = 1 AND keys IS NOT NULL)) ORDER BY id{ending}"
    )
