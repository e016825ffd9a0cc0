"""The guards of the table as SQL, for statements and for triggers.

In a statement `{o}` is the row itself and the caller's facts are another table's; in a
trigger `{o}` is OLD and the same facts stand in NEW's token columns.
"""

from collections.abc import Collection, Mapping
from typing import Final

from interlock.core.guards import CANCEL, MAY_DROP, RUN
from interlock.core.lifecycle import (
    GAVE_BACK,
    TERMINAL,
    Event,
    Guard,
    JobStatus,
    StopCause,
    row_of,
)
from interlock_adapters.sql.schema.flavor import Flavor
from interlock_adapters.sql.schema.row_rules import LIVE, SUCCEEDED, found_in, quoted

_STOP = StopCause

#: Parts of an entry of `job.keys`, as SQLite writes them; PostgreSQL: `IN_POSTGRES`.
BASE, WEIGHT = "json_extract(k.value, '$.limit')", "json_extract(k.value, '$.weight')"
IN_POSTGRES: Final = {
    BASE: "(k.value ->> 'limit')",
    WEIGHT: "CAST(k.value ->> 'weight' AS integer)",
}
#: The keys of a job: each with the key or template of its limit, and its weight.
KEYS: Final = (
    "(SELECT 'name:' || {o}name AS key, 'name:' || {o}name AS base, 1 AS weight"
    " UNION ALL SELECT 'queue:' || {o}queue, 'queue:' || {o}queue, 1"
    f" UNION ALL SELECT k.key, {BASE}, {WEIGHT} FROM json_each({{o}}keys) AS k)"
)
#: A column of the limit of a key: its own, else that of its template.
LIMIT: Final = (
    "(SELECT l.{column} FROM interlock_limit AS l WHERE l.key = CASE WHEN EXISTS"
    " (SELECT 1 FROM interlock_limit AS own WHERE own.key = k.key)"
    " THEN k.key ELSE k.base END)"
)


def has_all(column: str, table: str, attempt: str = "{o}attempt + 1") -> str:
    """Return that a job has, for an attempt, what each limit asks for."""
    return (
        f"NOT EXISTS (SELECT 1 FROM {KEYS} AS k"
        f" WHERE {LIMIT.format(column=column)} IS NOT NULL"
        f" AND (SELECT count(*) FROM {table} AS s WHERE s.key = k.key"
        f" AND s.job_id = {{o}}id AND s.attempt = {attempt}) < k.weight)"
    )


def _parents(statuses: Collection[JobStatus]) -> str:
    """Return the FROM and WHERE of those a job depends on, in some statuses."""
    return (
        "FROM interlock_dependency AS d JOIN interlock_job AS p ON p.id = d.parent_id"
        f" WHERE d.job_id = {{o}}id AND p.status || '' IN ({quoted(statuses)})"
    )


#: Those that a job waits for; and those that keep it from starting for ever.
UNFINISHED: Final = _parents(LIVE)
_AWAITED: Final = f"{UNFINISHED} AND d.awaited_by IS NOT NULL"
UNSUCCESSFUL: Final = _parents(TERMINAL - {SUCCEEDED})
_AS_NEEDED: Final = (
    f"(SELECT count(*) {_parents(TERMINAL)} AND d.awaited_by IS NULL"
    f" AND ({{o}}on_parent_failure = '{RUN}' OR p.status || '' = '{SUCCEEDED}'))"
)

#: Of each guard that asks tables: it is kept where this is not so, and that is cheap.
ASKED_IF: Final = {
    Guard.QUEUE_OPEN: (),
    Guard.PARENTS_DONE: ("OLD.dependencies > 0",),
    Guard.CHILDREN_ENDED: ("OLD.attempt > 0",),
    Guard.PARENT_FAILED: (),
    Guard.GROUP_FREE: (
        "EXISTS (SELECT 1 FROM interlock_hold WHERE released_at IS NULL)",
    ),
    Guard.SLOT_FREE: ("EXISTS (SELECT 1 FROM interlock_limit)",),
    Guard.RATE_FREE: ("EXISTS (SELECT 1 FROM interlock_limit)",),
}

#: What is more than a guard asks for, and cheaper to plan: jobs that wait for no other.
ALONE: Final = {
    Guard.PARENTS_DONE: "{o}dependencies = 0",
    Guard.CHILDREN_ENDED: "{o}attempt = 0",
}

#: The facts that a guard needs from the caller, in the UPDATE of a move.
MOVE_FACTS: Final = {
    name: f"fact.{name}"
    for name in (
        *("attempt", "proof", "failed", "gave_back", "now", "run_at", "waits_for"),
        *("lease_now", "lease_epoch", "domain_empty"),
    )
}

#: The same for a claim, which binds it.
CLAIM_FACTS: Final = {"now": ":p_now"}

#: The same, as a trigger reads it. A trigger cannot read the lease clock.
TRIGGER_FACTS: Final = {
    "attempt": "NEW.write_attempt",
    "proof": "NEW.write_proof",
    "failed": "NEW.error IS NOT NULL",
    "gave_back": f"NEW.reason IN ({quoted(GAVE_BACK)})",
    "run_at": "NEW.run_at",
}

SQL: Final = {
    Guard.DUE: "{o}run_at <= {now}",
    Guard.FRESH: "({o}attempt > 0 OR {o}expires_at IS NULL OR {o}expires_at >= {now})",
    Guard.OVERDUE: "{o}attempt = 0 AND {o}expires_at < {now}",
    Guard.BEFORE_DEADLINE: "({o}deadline_at IS NULL OR {o}deadline_at >= {now})",
    Guard.DEADLINE_MISSED: "{o}deadline_at < {now}",
    Guard.RETRY_IN_TIME: "({o}deadline_at IS NULL OR {o}deadline_at >= {run_at})",
    Guard.QUEUE_OPEN: "NOT EXISTS (SELECT 1 FROM interlock_queue"
    " AS halted WHERE halted.name = {o}queue AND halted.paused)",
    Guard.NOT_ON_HOLD: "{o}hold_by IS NULL",
    Guard.ON_HOLD: "{o}hold_by IS NOT NULL",
    Guard.WAITS_FOR_IT: "{o}waits_for = {waits_for}",
    Guard.GROUP_FREE: "NOT EXISTS (SELECT 1 FROM interlock_hold AS h"
    " WHERE h.released_at IS NULL AND (h.target IN ('name:' || {o}name,"
    " 'queue:' || {o}queue) OR h.target IN (SELECT 'key:' || k.key"
    " FROM json_each({o}keys) AS k)))",
    Guard.SLOT_FREE: has_all("max_running", "interlock_slot"),
    Guard.RATE_FREE: has_all("rate_count", "interlock_rate"),
    Guard.MAY_DROP: f"{{o}}when_full IN ({quoted(MAY_DROP)})",
    Guard.PARENTS_DONE: f"({{o}}dependencies = 0 OR {{o}}dependencies = {_AS_NEEDED})",
    Guard.CHILDREN_ENDED: f"({{o}}attempt = 0 OR NOT EXISTS (SELECT 1 {_AWAITED}))",
    Guard.PARENT_FAILED: f"{{o}}attempt = 0 AND {{o}}on_parent_failure = '{CANCEL}'"
    f" AND EXISTS (SELECT 1 {UNSUCCESSFUL})",
    Guard.HELD: "{o}attempt = {attempt}",
    Guard.LEASED: "{o}lease_until_us > {lease_now} AND {o}lease_epoch = {lease_epoch}",
    Guard.NOT_STOPPED: "{o}stop_cause IS NULL",
    Guard.STOPPED_BY_TIMEOUT: f"{{o}}stop_cause = '{_STOP.TIMEOUT}'",
    Guard.STOPPED_BY_SHUTDOWN: f"{{o}}stop_cause = '{_STOP.SHUTDOWN}'",
    Guard.STOPPED_OR_FAILED: f"({{o}}stop_cause IN ('{_STOP.CANCEL}',"
    f" '{_STOP.SHUTDOWN}') OR ({{o}}stop_cause IS NULL AND ({{failed}})))",
    Guard.GAVE_BACK: "({gave_back})",
    Guard.MAY_RETRY: "({o}stop_cause IS NULL OR"
    f" ({{o}}stop_cause = '{_STOP.TIMEOUT}' AND {{o}}retry_on_timeout))",
    Guard.NOT_BY_TIMEOUT: "({o}stop_cause IS NULL OR"
    f" {{o}}stop_cause <> '{_STOP.TIMEOUT}')",
    Guard.CANCEL_REQUESTED: "{o}cancel_requested_at IS NOT NULL",
    Guard.NO_CANCEL: "{o}cancel_requested_at IS NULL",
    Guard.PROVED: "{proof} IS NOT NULL",
    Guard.LOST: "(({domain_empty}) OR {o}lease_until_us <= {lease_now}"
    " OR {o}lease_epoch <> {lease_epoch}) AND NOT {o}kill_unconfirmed",
    Guard.FAILURES_LEFT: "{o}failures + 1 < {o}max_attempts",
    Guard.LOSSES_LEFT: "{o}losses + 1 < {o}max_losses",
    Guard.LOSSES_SPENT: "{o}losses + 1 >= {o}max_losses",
}


def move_facts(flavor: Flavor) -> dict[str, str]:
    """Return the facts of a move; the clock is the database's if it has one."""
    clock = flavor.lease_now
    return MOVE_FACTS if clock is None else {**MOVE_FACTS, "lease_now": clock}


def spoken(sql: str, flavor: Flavor) -> str:
    """Return SQL in the words of a flavor."""
    if flavor.is_postgres:
        for here, there in IN_POSTGRES.items():
            sql = sql.replace(here, there)
    return sql


def where(
    event: Event, facts: Mapping[str, str], flavor: Flavor, *, alone: bool = False
) -> str:
    """Return the WHERE of a statement that applies `event`: source and all guards.

    `alone`: it applies it to jobs that wait for no other, and to no more than these.
    """
    row = row_of(event)
    conditions = [found_in(row.source, "interlock_job.")]
    asked = SQL | ALONE if alone else SQL
    conditions += [
        f"({asked[guard].format(o='interlock_job.', **facts)})" for guard in row.guards
    ]
    return spoken(" AND ".join(conditions), flavor)


def visible(
    event: Event, facts: Mapping[str, str] = TRIGGER_FACTS
) -> tuple[list[str], list[tuple[tuple[str, ...], str]]]:
    """Return those guards of `event` that a trigger can show.

    Those that OLD and NEW show, and those that ask tables, each with its `ASKED_IF`.
    """
    of_row, of_tables = [], []
    for guard in row_of(event).guards:
        try:
            condition = f"({SQL[guard].format(o='OLD.', **facts)})"
        except KeyError:  # needs a clock, which a trigger has not
            continue
        if guard in ASKED_IF:
            of_tables.append((ASKED_IF[guard], condition))
        else:
            of_row.append(condition)
    return of_row, of_tables
