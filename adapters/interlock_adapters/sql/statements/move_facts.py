"""The facts of moves for their UPDATE: one row per move, in one JSON parameter.

One statement applies any number of moves, and each of them is judged by its own facts:
a statement costs more than the rows that it writes.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from functools import cache
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.types import TypeEngine

from interlock.core.job import Move
from interlock_adapters.sql.schema.column_types import JsonText, UtcDateTime, to_us
from interlock_adapters.sql.schema.flavor import Flavor
from interlock_adapters.sql.statements import rows

_TEXT, _WHEN, _TRUTH = sa.Text(), UtcDateTime(), sa.Boolean()
_WHOLE, _LONG = sa.Integer(), sa.BigInteger()

#: Name and type of every fact; `guard_sql.MOVE_FACTS` and `updates` use the names.
COLUMNS: Final[dict[str, TypeEngine[Any]]] = {
    "job_id": _TEXT,
    "attempt": _WHOLE,
    "version": _WHOLE,
    "now": _WHEN,
    "actor": _TEXT,
    "why": _TEXT,
    "words": _TEXT,
    "reason": _TEXT,
    "proof": _TEXT,
    "failed": _TRUTH,
    "gave_back": _TRUTH,
    "stop_cause": _TEXT,
    "domain_empty": _TRUTH,
    "error": JsonText,
    "death": JsonText,
    "result": JsonText,
    "exit_code": _WHOLE,
    "exit_signal": _WHOLE,
    "run_at": _WHEN,
    "held_by": _TEXT,
    "until": _WHEN,
    "waits_for": _TEXT,
    "worker": _TEXT,
    "lease_now": _LONG,
    "lease_epoch": _TEXT,
    "lease_us": _LONG,
}


@cache
def table(flavor: Flavor) -> sa.FromClause:
    """Return the facts of the parameter `facts` as a table named `fact`."""
    facts = _recordset() if flavor.is_postgres else _extracts()
    if flavor.now is not None:
        here = sa.literal_column(flavor.now, _WHEN)
        for name in ("run_at", "until"):
            facts[name] = here + (facts[name] - facts["now"])
        facts["now"] = here
    return sa.select(*(c.label(name) for name, c in facts.items())).cte("fact")


def _extracts() -> dict[str, sa.ColumnElement[Any]]:
    each = sa.func.json_each(sa.bindparam("facts")).table_valued("value").alias("each")
    return {
        name: sa.func.json_extract(
            each.c.value, sa.literal_column(f"'$.{name}'"), type_=type_
        )
        for name, type_ in COLUMNS.items()
    }


def _recordset() -> dict[str, sa.ColumnElement[Any]]:
    document = sa.cast(sa.bindparam("facts", type_=_TEXT), postgresql.JSONB)
    plain = [sa.column(name, _plain(type_)) for name, type_ in COLUMNS.items()]
    each = sa.func.jsonb_to_recordset(document).table_valued(*plain)
    given = each.render_derived("given", with_types=True)
    return {
        name: sa.cast(given.c[name], type_) if type_ is JsonText else given.c[name]
        for name, type_ in COLUMNS.items()
    }


def _plain(type_: TypeEngine[Any]) -> TypeEngine[Any]:
    """Return the type in which a fact crosses: JSON within it as text."""
    return _TEXT if type_ is JsonText else type_


def parameter(facts: Sequence[Mapping[str, object]], flavor: Flavor) -> dict[str, str]:
    """Return the parameter that `table` reads. ASCII: nothing is lost in escapes."""
    when = datetime.isoformat if flavor.is_postgres else to_us
    return {"facts": json.dumps(facts, default=when)}


def of_move(
    move: Move, *, lease_now: int | None, lease_epoch: str
) -> dict[str, object]:
    """Return the facts of a move."""
    due = move.run_at or move.now
    reason = move.reason and move.reason.value
    ended = move.exit
    failure = rows.failure_to_json(move.error)
    return {
        "job_id": move.job_id,
        "attempt": move.attempt,
        "version": move.version,
        "now": move.now,
        "actor": move.actor,
        "why": reason if move.text is None else move.text,
        "words": move.text,
        "reason": reason,
        "proof": move.proof and move.proof.value,
        "failed": move.error is not None,
        "gave_back": move.gave_back,
        "stop_cause": move.stop_cause and move.stop_cause.value,
        "domain_empty": move.domain_empty,
        "error": failure and json.dumps(failure),
        "death": None if move.death is None else json.dumps(asdict(move.death)),
        "result": None if move.result is None else json.dumps(move.result),
        "exit_code": ended and ended.code,
        "exit_signal": ended and ended.signal,
        "run_at": due,
        "until": move.until,
        "waits_for": move.waits_for,
        "held_by": None if due <= move.now else "due",
        "lease_now": lease_now,
        "lease_epoch": lease_epoch,
    }
