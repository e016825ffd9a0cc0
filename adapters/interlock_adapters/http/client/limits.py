"""`Client.limits`: limits that are set at run time, over HTTP."""

from typing import Protocol, TypeVar

from interlock.core.records import LimitInfo
from interlock_adapters.http.client import calls
from interlock_adapters.http.client.calls import Ask

T = TypeVar("T")


class Send(Protocol):
    """Sends a request, and returns its answer."""

    def __call__(self, ask: Ask[T], /) -> T:
        """Send a request."""
        ...


class AsyncSend(Protocol):
    """`Send`, awaited."""

    async def __call__(self, ask: Ask[T], /) -> T:
        """Send a request."""
        ...


class Limits:
    """The limits of keys. See `Engine.limits`."""

    def __init__(self, send: Send) -> None:
        self._send = send

    def set(
        self,
        key: str,
        *,
        max_running: int | None = None,
        rate_limit: str | None = None,
        by: str | None = None,
    ) -> None:
        """See `Engine.limits`."""
        self._send(
            calls.set_limit(key, max_running=max_running, rate_limit=rate_limit, by=by)
        )

    def delete(self, key: str) -> bool:
        """See `Engine.limits`."""
        return self._send(calls.delete_limit(key))

    def list(self) -> list[LimitInfo]:
        """See `Engine.limits`."""
        return self._send(calls.limits())


class AsyncLimits:
    """`Limits`, awaited."""

    def __init__(self, send: AsyncSend) -> None:
        self._send = send

    async def set(
        self,
        key: str,
        *,
        max_running: int | None = None,
        rate_limit: str | None = None,
        by: str | None = None,
    ) -> None:
        """See `Engine.limits`."""
        await self._send(
            calls.set_limit(key, max_running=max_running, rate_limit=rate_limit, by=by)
        )

    async def delete(self, key: str) -> bool:
        """See `Engine.limits`."""
        return await self._send(calls.delete_limit(key))

    async def list(self) -> list[LimitInfo]:
        """See `Engine.limits`."""
        return await self._send(calls.limits())
