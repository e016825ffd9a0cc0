"""Remarks of people on the causes of failures."""

from collections.abc import Collection
from typing import Final

import sqlalchemy as sa

from interlock.core.causes import Remark, RemarkKind
from interlock_adapters.sql.schema import tables
from interlock_adapters.sql.store.database import Database

_REMARK: Final = tables.remark.c


class Remarks:
    """The remarks of a store. They are added, and never changed."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def remark(self, remark: Remark) -> None:
        """See `JobStore.remark`."""
        values = {name: getattr(remark, name) for name in Remark.__dataclass_fields__}
        add = sa.insert(tables.remark).values(**values)

        def write(connection: sa.Connection) -> None:
            connection.execute(add)

        self._db.repeated(write)

    def remarks(self, causes: Collection[str]) -> list[Remark]:
        """See `JobStore.remarks`."""
        query = sa.select(tables.remark).where(_REMARK.cause.in_(causes))
        return [
            Remark(
                cause=row["cause"],
                kind=RemarkKind(row["kind"]),
                text=row["text"],
                by=row["by"],
                at=row["at"],
            )
            for row in self._db.rows(query.order_by(_REMARK.id))
        ]
