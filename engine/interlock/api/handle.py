"""Job handles: what a submit returns."""

from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from interlock.core.job import Job

R_co = TypeVar("R_co", covariant=True)


class Keeper(Protocol):
    """The methods that a handle uses: of an `Engine` or a client."""

    def get(self, job_id: str) -> Job:
        """See `Engine.get`."""
        ...

    def wait(self, job_id: str, timeout: float | None = None) -> Job:
        """See `Engine.wait`."""
        ...

    def result(self, job_id: str, timeout: float | None = None) -> object:
        """See `Engine.result`."""
        ...

    def cancel(
        self,
        job_id: str,
        *,
        reason: str | None = None,
        by: str | None = None,
        wait: float | None = None,
        if_version: int | None = None,
    ) -> Job:
        """See `Engine.cancel`."""
        ...


@dataclass(frozen=True, slots=True)
class JobHandle(Generic[R_co]):
    """A submitted job. From its id, `Engine.handle` returns a handle again."""

    id: str
    _engine: Keeper

    def job(self) -> Job:
        """Return the job as it stands."""
        return self._engine.get(self.id)

    def wait(self, timeout: float | None = None) -> Job:
        """See `Engine.wait`."""
        return self._engine.wait(self.id, timeout=timeout)

    def result(self, timeout: float | None = None) -> R_co:
        """Wait, and return the function's result, in the type of its annotation.

        Raises:
            JobFailed, JobCanceled, JobTimedOut: it ended without a result.
            InvalidResult: the result does not fit the function that is here.
            WaitTimeout: it did not end within `timeout` seconds.
        """
        return self._engine.result(self.id, timeout=timeout)  # type: ignore[return-value]  # by its annotation

    def cancel(
        self,
        reason: str | None = None,
        *,
        by: str | None = None,
        wait: float | None = None,
        if_version: int | None = None,
    ) -> Job:
        """See `Engine.cancel`."""
        return self._engine.cancel(
            self.id, reason=reason, by=by, wait=wait, if_version=if_version
        )


class AsyncKeeper(Protocol):
    """The methods that a handle uses: of an `AsyncEngine` or a client."""

    async def get(self, job_id: str) -> Job:
        """See `Engine.get`."""
        ...

    async def wait(self, job_id: str, timeout: float | None = None) -> Job:  # noqa: ASYNC109  (the library's name)
        """See `Engine.wait`."""
        ...

    async def result(self, job_id: str, timeout: float | None = None) -> object:  # noqa: ASYNC109  (the library's name)
        """See `Engine.result`."""
        ...

    async def cancel(
        self,
        job_id: str,
        *,
        reason: str | None = None,
        by: str | None = None,
        wait: float | None = None,
        if_version: int | None = None,
    ) -> Job:
        """See `Engine.cancel`."""
        ...


@dataclass(frozen=True, slots=True)
class AsyncJobHandle(Generic[R_co]):
    """A `JobHandle` whose methods are awaited."""

    id: str
    _engine: AsyncKeeper

    async def job(self) -> Job:
        """See `JobHandle.job`."""
        return await self._engine.get(self.id)

    async def wait(self, timeout: float | None = None) -> Job:  # noqa: ASYNC109  (the library's name)
        """See `JobHandle.wait`."""
        return await self._engine.wait(self.id, timeout=timeout)

    async def result(self, timeout: float | None = None) -> R_co:  # noqa: ASYNC109  (the library's name)
        """See `JobHandle.result`."""
        return await self._engine.result(self.id, timeout=timeout)  # type: ignore[return-value]  # JSON of an R

    async def cancel(
        self,
        reason: str | None = None,
        *,
        by: str | None = None,
        wait: float | None = None,
        if_version: int | None = None,
    ) -> Job:
        """See `Engine.cancel`."""
        return await self._engine.cancel(
            self.id, reason=reason, by=by, wait=wait, if_version=if_version
        )
