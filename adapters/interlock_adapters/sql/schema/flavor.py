"""What a statement must know about its database."""

from dataclasses import dataclass
from typing import Final

SQLITE: Final = "sqlite"
POSTGRES: Final = "postgresql"


@dataclass(frozen=True, slots=True)
class Flavor:
    """A kind of database; `lease_now` is its own lease clock in SQL, if it has one.

    Such a clock is read when a row is locked, not before: a statement that waited for
    another transaction is judged by the time at which it goes on.
    """

    dialect: str
    lease_now: str | None = None

    @property
    def now(self) -> str | None:
        """The wall clock of the database in SQL, if it decides; else the caller's does.

        No client's or worker's clock then decides or stamps anything.
        """
        return None if self.lease_now is None else "clock_timestamp()"

    def moment(self, parameter: str) -> str:
        """Return the present in SQL: the database's, or that of a parameter."""
        return self.now or parameter

    @property
    def is_postgres(self) -> bool:
        """Whether there are many concurrent writers, with row locks."""
        return self.dialect == POSTGRES

    def by_index(self, name: str) -> str:
        """Return the SQL that names the index of a query.

        Without statistics SQLite takes the one on the status, and walks the backlog.
        """
        return "" if self.is_postgres else f"INDEXED BY {name}"
