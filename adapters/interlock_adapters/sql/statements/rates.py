"""The SQL of rates: which starts are free, and what takes them.

A rate of N starts in a period has the numbers 1 to N. Each start takes a number, which
is free again when the period is over: so no window of the period has more than N.
"""

from functools import cache

import sqlalchemy as sa

from interlock_adapters.sql.schema.column_types import UtcDateTime
from interlock_adapters.sql.schema.flavor import Flavor

_WHEN = UtcDateTime()
_NOW = sa.bindparam("now", type_=_WHEN)


@cache
def starts(flavor: Flavor) -> sa.TextualSelect:
    """Return the query of each key's starts: recent ones, the last number, free ones.

    The keys and their counts are `:keys` and `:counts`, on SQLite `:pairs`. Of the
    numbers that are free again it returns the first `:many`, with commas between them.
    """
    if flavor.is_postgres:
        given = "unnest(CAST(:keys AS text[]), CAST(:counts AS int[])) AS g(key, most)"
        numbers = "string_agg(CAST(number AS text), ',')"
    else:
        given = (
            "(SELECT json_extract(value, '$[0]') AS key,"
            " json_extract(value, '$[1]') AS most FROM json_each(:pairs)) AS g"
        )
        numbers = "group_concat(number)"
    of_key = "FROM interlock_rate AS r WHERE r.key = g.key"
    return (
        sa.text(
            f"SELECT g.key, (SELECT count(*) {of_key} AND free_at > :now) AS recent,"
            f" (SELECT max(number) {of_key}) AS last,"
            f" (SELECT min(free_at) {of_key} AND free_at > :now) AS opens_at,"
            f" (SELECT {numbers} FROM (SELECT number {of_key} AND free_at <= :now"
            " AND number <= g.most ORDER BY free_at LIMIT :many) AS n) AS numbers"
            f" FROM {given}"
        )
        .bindparams(_NOW)
        .columns(opens_at=_WHEN)
    )


@cache
def charge(flavor: Flavor) -> sa.TextClause:
    """Return what takes numbers for starts. On PostgreSQL it returns who got one.

    The table decides: a number that another start took meanwhile is not free.
    """
    columns = "(key, number, base, job_id, attempt, at, free_at)"
    taken = (
        " ON CONFLICT (key, number) DO UPDATE SET base = excluded.base,"
        " job_id = excluded.job_id, attempt = excluded.attempt, at = excluded.at,"
        " free_at = excluded.free_at WHERE interlock_rate.free_at <= excluded.at"
    )
    if not flavor.is_postgres:
        return sa.text(
            f"INSERT INTO interlock_rate {columns} SELECT :key, :number, :base, id,"
            " attempt + 1, :now, :free_at FROM interlock_job WHERE id = :job_id"
            f"{taken}"
        ).bindparams(_NOW, sa.bindparam("free_at", type_=_WHEN))
    return sa.text(
        f"INSERT INTO interlock_rate {columns} SELECT t.key, t.number, t.base, job.id,"
        " job.attempt + 1, :now, :now + make_interval(secs => t.period_s)"
        " FROM unnest(CAST(:keys AS text[]), CAST(:numbers AS int[]),"
        " CAST(:bases AS text[]), CAST(:ids AS text[]), CAST(:periods AS int[]))"
        " WITH ORDINALITY AS t(key, number, base, job_id, period_s, place)"
        " JOIN interlock_job AS job ON job.id = t.job_id ORDER BY t.place"
        f"{taken} RETURNING job_id"
    ).bindparams(_NOW)


@cache
def give_back() -> sa.TextClause:
    """Return the UPDATE of the starts at `:now` of jobs that did not start."""
    return sa.text(
        "UPDATE interlock_rate SET job_id = '', free_at = at"
        " WHERE job_id IN :ids AND at = :now"
    ).bindparams(_NOW, sa.bindparam("ids", expanding=True))


_UNUSED = (
    "SELECT key FROM interlock_rate GROUP BY key HAVING max(free_at) < :now LIMIT :many"
)


@cache
def unused() -> sa.TextClause:
    """Return the query of up to `:many` keys that have no recent start."""
    return sa.text(_UNUSED).bindparams(_NOW)


@cache
def forget() -> sa.TextClause:
    """Return the DELETE of the starts of up to `:many` keys without a recent one.

    It keeps none of a key or all: numbers are counted on from the last.
    """
    return sa.text(f"DELETE FROM interlock_rate WHERE key IN ({_UNUSED})").bindparams(
        _NOW
    )
