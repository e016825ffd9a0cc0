"""Connects directly, or through a pooler that lends a server for one transaction.

PgBouncer and its kin give each transaction any server connection: a setting, a prepared
statement or a LISTEN of a session is gone with the next transaction, or is another
client's. So settings are sent with each transaction there, nothing is prepared, no
statement commits by itself, and listening needs a direct connection.

A pooler is found by trying: it refuses the settings of a session, or drops them.
"""

import threading
from collections.abc import Callable
from typing import Final

import psycopg
import sqlalchemy as sa

from interlock_adapters.sql.postgres import connection
from interlock_adapters.sql.postgres.connection import Impatient, Target

#: What poolers answer to settings: PgBouncer, Odyssey and others; Amazon RDS Proxy.
_REFUSALS: Final = ("unsupported startup parameter", "command-line options")
_MARK: Final = f"SELECT current_setting('{connection.MARK}', true)"


class Connector:
    """Opens connections to one database; knows after the first one how."""

    def __init__(self, where: Target) -> None:
        self.where = where
        #: Whether a server connection is ours for one transaction only.
        self.is_pooled = where.is_pooled
        #: Refuses a new connection that is not to be used.
        self.require: Callable[[Impatient], None] | None = None
        self._is_known = where.is_pooled
        self._lock = threading.Lock()

    def __call__(self, *, autocommit: bool = False) -> Impatient:
        """Return a new connection. With `autocommit` each statement commits by itself.

        Raises:
            psycopg.Error: none can be opened.
            StoreUnavailable: `require` refuses it.
        """
        if not self._is_known:
            with self._lock:
                if not self._is_known:
                    self.is_pooled = self._find_out()
                    self._is_known = True
        opened = connection.connect(
            self.where, autocommit=autocommit, is_pooled=self.is_pooled
        )
        if self.require is not None and not autocommit:
            try:
                self.require(opened)
            except BaseException:
                opened.close()
                raise
        return opened

    def _find_out(self) -> bool:
        try:
            opened = connection.connect(self.where, autocommit=True)
        except psycopg.OperationalError as error:
            if any(refusal in str(error) for refusal in _REFUSALS):
                return True
            raise
        with opened:
            row = opened.execute(_MARK).fetchone()
        return row is None or row[0] != "on"


def settle_transactions(engine: sa.Engine, connector: Connector) -> None:
    """Make an engine send its settings with each transaction, behind a pooler."""
    settings = connection.settings(connector.where.schema)
    calls = ", ".join(f"set_config('{n}', '{v}', true)" for n, v in settings.items())
    statement = sa.text(f"SELECT {calls}")

    def settle(begun: sa.Connection) -> None:
        if connector.is_pooled:
            begun.execute(statement)

    sa.event.listen(engine, "begin", settle)
