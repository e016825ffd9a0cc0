"""`engine.limits`: limits that are set at run time."""

from interlock.api.offload import Offload
from interlock.core import limits
from interlock.core.errors import InvalidOption
from interlock.core.records import LimitInfo
from interlock.jobs.options import check_words
from interlock.ports.store import JobStore


class Limits:
    """The limits of keys. What is set here wins over what the code declares."""

    def __init__(self, store: JobStore) -> None:
        self._store = store

    def set(
        self,
        key: str,
        *,
        max_running: int | None = None,
        rate_limit: str | None = None,
        by: str | None = None,
    ) -> None:
        """Set a limit; it holds at once, for jobs that wait already too.

        Jobs that run go on, also if there are more of them than the limit allows.

        Args:
            key: that of a `Limit`, or its template; or "name:N", "queue:Q".
            max_running: how many jobs may run at once; 1 to 10000, None: any number.
            rate_limit: how many may start within a time, such as "100/m"; None: any.
            by: who sets it.

        Raises:
            InvalidOption: a value is out of its range. Nothing was changed.
        """
        rate = checked(key, max_running, rate_limit, by)
        self._store.set_limit(key, max_running, rate, by=by or "client")

    def delete(self, key: str) -> bool:
        """Undo `set`: what the code declares holds again. Return if there was any."""
        check_key(key)
        return self._store.unset_limit(key)

    def list(self) -> list[LimitInfo]:
        """Return every limit, by key."""
        return self._store.limits()


class AsyncLimits:
    """`Limits`, awaited."""

    def __init__(self, limits: Limits, offload: Offload) -> None:
        self._limits = limits
        self._call = offload.call

    async def set(
        self,
        key: str,
        *,
        max_running: int | None = None,
        rate_limit: str | None = None,
        by: str | None = None,
    ) -> None:
        """See `Limits.set`."""
        await self._call(
            self._limits.set,
            key,
            max_running=max_running,
            rate_limit=rate_limit,
            by=by,
        )

    async def delete(self, key: str) -> bool:
        """See `Limits.delete`."""
        return await self._call(self._limits.delete, key)

    async def list(self) -> list[LimitInfo]:
        """See `Limits.list`."""
        return await self._call(self._limits.list)


def checked(
    key: object, max_running: object, rate_limit: object, by: str | None
) -> limits.Rate | None:
    """Check the arguments of `Limits.set`; return the rate. Raises InvalidOption."""
    check_key(key)
    check_words(by=by)
    limits.check_max_running(max_running)
    return limits.rate(rate_limit)


def check_key(key: object) -> None:
    """Check a key that a limit may be set for. Raises InvalidOption."""
    fits = isinstance(key, str) and key.isprintable() and 0 < len(key) <= limits.MAX_KEY
    if not fits:
        allowed = f"the key of a limit, 1 to {limits.MAX_KEY} printable characters"
        raise InvalidOption("key", key, allowed)
