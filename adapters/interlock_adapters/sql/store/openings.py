"""When causes of waiting go away by themselves: a rate, the end of a hold."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Final

import sqlalchemy as sa

from interlock_adapters.sql.schema.column_types import UtcDateTime
from interlock_adapters.sql.schema.flavor import Flavor

_AT: Final = UtcDateTime()
ENDED: Final = "ended:"  # of what depends on a job, before its id
AT_ONCE: Final = datetime(1970, 1, 1, tzinfo=UTC)
_NOTE: Final = sa.text(
    "INSERT INTO interlock_opening (cause, at) VALUES (:cause, :at)"
    " ON CONFLICT (cause) DO UPDATE SET at = excluded.at"
    " WHERE excluded.at < interlock_opening.at"
).bindparams(sa.bindparam("at", type_=_AT))
_DUE: Final = (
    "SELECT cause FROM interlock_opening WHERE at <= :now ORDER BY at LIMIT :many"
)
_FORGET: Final = sa.text("DELETE FROM interlock_opening WHERE cause IN :causes")


def note(execute: Callable[..., object], moments: Mapping[str, datetime]) -> None:
    """Note when causes go away, if that is earlier than what is noted."""
    if moments:  # sorted: who waits for another's row holds no later one
        values = [{"cause": cause, "at": at} for cause, at in sorted(moments.items())]
        execute(_NOTE, values)


def take_due(
    connection: sa.Connection, flavor: Flavor, now: datetime, many: int
) -> list[str]:
    """Return the causes whose moment has come, and forget them."""
    locked = " FOR UPDATE SKIP LOCKED" if flavor.is_postgres else ""
    query = sa.text(_DUE + locked).bindparams(sa.bindparam("now", type_=_AT))
    causes = list(connection.execute(query, {"now": now, "many": many}).scalars())
    if causes:
        expanding: sa.BindParameter[list[str]] = sa.bindparam("causes", expanding=True)
        connection.execute(_FORGET.bindparams(expanding), {"causes": causes})
    return causes
