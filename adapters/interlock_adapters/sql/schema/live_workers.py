"""Refuses an upgrade while workers of an older version are running."""

import os
import socket
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa

from interlock.core.errors import SchemaMismatch
from interlock.ports.clock import boot_id
from interlock.worker.settings import DEFAULT_LEASE_S
from interlock_adapters.sql.schema.column_types import UtcDateTime
from interlock_adapters.sql.schema.flavor import SQLITE
from interlock_adapters.sql.schema.guard_digests import table_prefix

#: Every column that there is: an older schema has fewer.
_ALL: Final = "SELECT * FROM {table}"


def refuse(connection: sa.Connection, version: str, *, now: datetime) -> None:
    """Refuse an upgrade while a worker of an older version is running.

    Raises:
        SchemaMismatch: which workers, and what to do.
    """
    live = listed(connection, version, now=now)
    if live:
        raise SchemaMismatch(
            f"The database has the older schema {version}, and workers still use it: "
            f"{', '.join(live)}. Stop them, then try again. A killed worker counts as "
            "gone once its last heartbeat is older than its lease. Nothing was changed."
        )


def listed(connection: sa.Connection, version: str, *, now: datetime) -> list[str]:
    """Return the workers that are running, each in words."""
    on_this_host = connection.dialect.name == SQLITE
    query = sa.text(_ALL.format(table=f"{table_prefix(version)}worker"))
    typed = query.columns(seen_at=UtcDateTime)
    found = connection.execute(typed).mappings().all()
    return sorted(
        f"{row['id']} (process {row['pid']} on {row['host']}, seen"
        f" {(now - row['seen_at']).total_seconds():.0f} s ago)"
        for row in found
        if _is_live(row, now, on_this_host=on_this_host)
    )


def _is_live(row: Mapping[Any, Any], now: datetime, *, on_this_host: bool) -> bool:
    """Whether a worker's last heartbeat is younger than its lease."""
    lease_s = row.get("lease_s") or DEFAULT_LEASE_S
    if now - row["seen_at"] > timedelta(seconds=lease_s):
        return False
    if not on_this_host:
        return True
    if row["boot_id"] != boot_id():
        return False
    elsewhere = row["host"] != _host()  # a container: its pids are not ours
    return elsewhere or _runs(row["pid"])


def _host() -> str:
    return socket.gethostname().encode("utf-8", "replace").decode()


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
