"""Stores the answers to requests with an idempotency key."""

from dataclasses import asdict
from datetime import datetime

import sqlalchemy as sa

from interlock.core.records import Answer
from interlock_adapters.sql.schema.tables import answer
from interlock_adapters.sql.store.database import Database

_NEW = sa.text(
    "INSERT INTO interlock_answer (key, request, text, until)"
    " VALUES (:key, :request, :text, :until) ON CONFLICT (key) DO NOTHING"
).bindparams(sa.bindparam("until", type_=answer.c.until.type))


class IdempotencyKeys:
    """Keys of requests and the answers to them. Each insert deletes expired ones."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def reserve(self, wanted: Answer, *, now: datetime) -> Answer | None:
        """See `JobStore.reserve`."""

        def reserved(connection: sa.Connection) -> Answer | None:
            connection.execute(sa.delete(answer).where(answer.c.until < now))
            kept = sa.select(answer).where(answer.c.key == wanted.key)
            while not connection.execute(_NEW, asdict(wanted)).rowcount:
                found = connection.execute(kept).mappings().first()
                if found is not None:  # else it was freed between the two
                    return Answer(**found)
            return None

        return self._db.repeated(reserved)

    def keep(self, kept: Answer, *, reserved: Answer) -> bool:
        """See `JobStore.keep`."""
        put = sa.update(answer).where(*_is(reserved)).values(**asdict(kept))
        done = self._db.repeated(lambda connection: connection.execute(put).rowcount)
        return done == 1

    def forget(self, reserved: Answer) -> None:
        """See `JobStore.forget`."""
        gone = sa.delete(answer).where(*_is(reserved))
        self._db.repeated(lambda connection: connection.execute(gone))


def _is(reserved: Answer) -> list[sa.ColumnElement[bool]]:
    """Return the condition that identifies a reservation."""
    same = answer.c.until == reserved.until
    return [answer.c.key == reserved.key, answer.c.text.is_(None), same]
