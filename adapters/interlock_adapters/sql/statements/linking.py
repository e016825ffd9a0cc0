"""The SQL of dependencies: what a job waits for, and who waits for a job."""

from collections.abc import Collection
from functools import cache
from typing import Final

import sqlalchemy as sa

from interlock.core.guards import CANCEL, RUN
from interlock.core.lifecycle import INITIAL, TERMINAL
from interlock_adapters.sql.schema.column_types import UtcDateTime
from interlock_adapters.sql.schema.flavor import Flavor
from interlock_adapters.sql.schema.guard_sql import UNFINISHED, UNSUCCESSFUL
from interlock_adapters.sql.schema.held import BLOCKED, ORDER
from interlock_adapters.sql.schema.row_rules import LIVE, SUCCEEDED, found_in, quoted
from interlock_adapters.sql.schema.tables import dependency, job
from interlock_adapters.sql.statements.claiming import (
    PLANNER,
    by_ids,
    each,
    skip_locked,
)

_NOW: Final = sa.bindparam("now", type_=UtcDateTime())
#: Whether a job, as a column of an UPDATE that ends it, has others that depend on it.
IS_PARENT: Final = (
    sa.exists().where(dependency.c.parent_id == job.c.id).label("is_parent")
)


_child: Final = job.alias("child")


@cache
def has_children(flavor: Flavor) -> sa.Label[bool]:
    """Return whether there are jobs that it has submitted, and that go with it.

    As text for SQLite: in its RETURNING names of columns come without those of tables.
    """
    if flavor.is_postgres:
        found: sa.ColumnElement[bool] = (
            sa.exists()
            .where(_child.c.parent_id == job.c.id, _child.c.on_parent_cancel == CANCEL)
            .where(_child.c.cancel_requested_at.is_(None))
            .where(_child.c.finished_at.is_(None))
        )
    else:
        found = sa.literal_column(
            "EXISTS (SELECT 1 FROM interlock_job AS child WHERE child.parent_id ="
            f" interlock_job.id AND child.on_parent_cancel = '{CANCEL}'"
            " AND child.cancel_requested_at IS NULL AND child.finished_at IS NULL)",
            sa.Boolean(),
        )
    return found.label("has_children")


@cache
def steady() -> sa.TextClause:
    """Return what keeps the queries of a transaction on indexes, for PostgreSQL."""
    return sa.text(f"SELECT {PLANNER}")


@cache
def locked(flavor: Flavor) -> sa.TextClause:
    """Return the query that locks waiting jobs of `:ids`, if nobody else has."""
    where = by_ids(flavor, is_startable=False)
    return sa.text(f"SELECT id FROM interlock_job WHERE {where}{skip_locked(flavor)}")


@cache
def look(flavor: Flavor) -> sa.TextualSelect:
    """Return the query of what jobs of `:ids` wait for.

    Any of those that have not ended: where it is always the next one that ends, a job
    with thousands would be looked at thousands of times.
    """
    where = by_ids(flavor, is_startable=False)
    waited = UNFINISHED.format(o="interlock_job.")
    failed = UNSUCCESSFUL.format(o="interlock_job.")
    return sa.text(
        "SELECT id, run_at,"
        f" (SELECT d.parent_id {waited} ORDER BY random() LIMIT 1) AS unfinished,"
        f" CASE WHEN attempt = 0 AND on_parent_failure = '{CANCEL}' THEN"
        f" (SELECT d.parent_id {failed} LIMIT 1) END AS failed"
        f" FROM interlock_job WHERE {where}"
    ).columns(run_at=UtcDateTime)


@cache
def shared() -> sa.TextClause:
    """Return the query that keeps live jobs of `:ids` from ending for a moment.

    Who parks a job on another one does it before the other's end, or sees it: who ends
    a job looks afterwards who waits for it. For PostgreSQL; SQLite has one writer.
    """
    return sa.text(
        "SELECT id FROM interlock_job WHERE id = ANY(CAST(:ids AS text[]))"
        f" AND status || '' IN ({quoted(LIVE)}) FOR SHARE SKIP LOCKED"
    )


@cache
def park() -> sa.TextClause:
    """Return the UPDATE by which a waiting job is parked or opened. A hold stays."""
    return sa.text(
        "UPDATE interlock_job SET blocked_by = :parent_id, held_by = CASE WHEN"
        " hold_by IS NULL THEN :cause ELSE held_by END"
        f" WHERE id = :job_id AND {found_in(INITIAL)}"
    )


@cache
def park_all() -> sa.TextClause:
    """Return `park` of many jobs at once, for PostgreSQL."""
    return sa.text(
        "UPDATE interlock_job SET blocked_by = given.parent_id, held_by = CASE WHEN"
        " hold_by IS NULL THEN given.cause ELSE held_by END FROM unnest("
        "CAST(:job_id AS text[]), CAST(:parent_id AS text[]), CAST(:cause AS text[]))"
        " AS given(job_id, parent_id, cause) WHERE interlock_job.id = given.job_id"
        f" AND {found_in(INITIAL)}"
    )


@cache
def parked(flavor: Flavor) -> sa.TextClause:
    """Return the query of the best `:many` jobs that wait for `:parent_id`."""
    by = flavor.by_index("ix_interlock_job_blocked")
    return sa.text(
        f"SELECT id FROM interlock_job {by} WHERE {BLOCKED} AND blocked_by = :parent_id"
        f" ORDER BY {', '.join(ORDER)} LIMIT :many{skip_locked(flavor)}"
    )


@cache
def dependent(flavor: Flavor) -> sa.TextClause:
    """Return the query of `:many` waiting jobs that depend on `:ids`, which failed.

    Those that are lost by that (`is_lost`), and those that are parked on it.
    """
    alone = " FOR UPDATE OF c SKIP LOCKED" if flavor.is_postgres else ""
    lost = f"(c.attempt = 0 AND c.on_parent_failure = '{CANCEL}')"
    return sa.text(
        f"SELECT d.parent_id, c.id, {lost} AS is_lost FROM {each(flavor, 'ids')}"
        " AS given CROSS JOIN interlock_dependency AS d"
        " CROSS JOIN interlock_job AS c WHERE d.parent_id = given.value"
        f" AND c.id = d.job_id AND {found_in(INITIAL, 'c.')}"
        f" AND ({lost} OR c.blocked_by = d.parent_id) LIMIT :many{alone}"
    )


@cache
def children(flavor: Flavor, *, is_locking: bool = True) -> sa.TextualSelect:
    """Return the query of `:many` jobs that go with `:ids`, which are canceled."""
    alone = skip_locked(flavor) if is_locking else ""
    return sa.text(
        f"SELECT * FROM interlock_job WHERE parent_id IN {each(flavor, 'ids')}"
        f" AND on_parent_cancel = '{CANCEL}' AND status || '' IN ({quoted(LIVE)})"
        f" AND cancel_requested_at IS NULL LIMIT :many{alone}"
    ).columns(*job.c)


@cache
def parents(flavor: Flavor) -> sa.TextClause:
    """Return the query of the next `:many` jobs after `:after` that others wait for.

    One seek each. Whether they have ended, and are waited for in vain, is a column.
    """
    by = flavor.by_index("ix_interlock_job_blocked")
    following = (
        f"(SELECT blocked_by FROM interlock_job {by} WHERE {BLOCKED}"
        " AND blocked_by > {} ORDER BY blocked_by LIMIT 1)"
    )
    return sa.text(
        f"WITH RECURSIVE parent (id) AS (SELECT {following.format(':after')}"
        f" UNION ALL SELECT {following.format('parent.id')} FROM parent"
        " WHERE id IS NOT NULL)"
        " SELECT id, NOT EXISTS (SELECT 1 FROM interlock_job AS p"
        f" WHERE p.id = parent.id AND p.status || '' IN ({quoted(LIVE)}))"
        " AS has_ended FROM parent WHERE id IS NOT NULL LIMIT :many"
    )


@cache
def awaiting(flavor: Flavor) -> sa.TextClause:
    """Return the query that finds whether any of `:ids` waits for `:job_id`."""
    return sa.text(
        f"WITH RECURSIVE wanted (id) AS (SELECT value FROM {each(flavor, 'ids')} AS g"
        " UNION SELECT d.parent_id FROM wanted"
        " JOIN interlock_dependency AS d ON d.job_id = wanted.id"
        " JOIN interlock_job AS c ON c.id = d.job_id"
        f" AND c.status || '' IN ({quoted(LIVE)}))"
        " SELECT 1 FROM wanted WHERE id = :job_id"
    )


@cache
def await_all(flavor: Flavor) -> sa.TextClause:
    """Return the INSERT by which an attempt waits for those of `:ids` that live."""
    return sa.text(
        "INSERT INTO interlock_dependency (job_id, position, parent_id, awaited_by)"
        " SELECT CAST(:job_id AS text), CAST(:last AS integer) + row_number() OVER"
        " (ORDER BY id), id, CAST(:attempt AS integer)"
        f" FROM interlock_job AS j WHERE id IN {each(flavor, 'ids')}"
        f" AND status || '' IN ({quoted(LIVE)}) AND NOT EXISTS (SELECT 1 FROM"
        " interlock_dependency AS d WHERE d.parent_id = j.id"
        " AND d.job_id = CAST(:job_id AS text)"
        " AND d.awaited_by IS NOT NULL)"
    )


@cache
def many_live(flavor: Flavor) -> sa.TextClause:
    """Return the query of how many of `:ids` have not ended."""
    return sa.text(
        f"SELECT count(*) FROM interlock_job WHERE id IN {each(flavor, 'ids')}"
        f" AND status || '' IN ({quoted(LIVE)})"
    )


@cache
def awaited() -> sa.TextClause:
    """Return the query of those that have not ended as `:job_id` needs."""
    return sa.text(
        "SELECT d.parent_id FROM interlock_job AS c"
        " JOIN interlock_dependency AS d ON d.job_id = c.id"
        " JOIN interlock_job AS p ON p.id = d.parent_id WHERE c.id = :job_id"
        f" AND p.status || '' <> '{SUCCEEDED}' AND NOT ((d.awaited_by IS NOT NULL"
        f" OR c.on_parent_failure = '{RUN}') AND p.status || ''"
        f" IN ({quoted(TERMINAL)})) ORDER BY d.parent_id"
    )


def existing(ids: Collection[str]) -> sa.Select[tuple[str]]:
    """Return the query of those of some jobs that are there. They are not deleted now.

    Of Core alone: an application's connection may find our tables in a schema.
    """
    found = sa.select(job.c.id).where(job.c.id.in_(ids)).order_by(job.c.id)
    return found.with_for_update(read=True, key_share=True)
