"""`Client.failures`: failed jobs by cause, over HTTP."""

from interlock.api.failures import MOST
from interlock.core.causes import Cause, Remark, RemarkKind
from interlock_adapters.http.client import calls
from interlock_adapters.http.client.limits import AsyncSend, Send


class Failures:
    """The causes of the newest failed jobs. See `Engine.failures`."""

    def __init__(self, send: Send) -> None:
        self._send = send

    def remark(
        self,
        cause: str,
        kind: RemarkKind | str,
        text: str | None = None,
        *,
        by: str | None = None,
    ) -> Remark:
        """See `Engine.failures`."""
        return self._send(calls.remark(cause, kind, text, by=by))

    def list(self, limit: int = MOST) -> list[Cause]:
        """See `Engine.failures`."""
        return self._send(calls.failures(limit))


class AsyncFailures:
    """`Failures`, awaited."""

    def __init__(self, send: AsyncSend) -> None:
        self._send = send

    async def remark(
        self,
        cause: str,
        kind: RemarkKind | str,
        text: str | None = None,
        *,
        by: str | None = None,
    ) -> Remark:
        """See `Engine.failures`."""
        return await self._send(calls.remark(cause, kind, text, by=by))

    async def list(self, limit: int = MOST) -> list[Cause]:
        """See `Engine.failures`."""
        return await self._send(calls.failures(limit))
