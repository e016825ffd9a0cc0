"""Runs blocking calls in threads, so that the event loop is never blocked."""

import asyncio
import contextvars
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import (
    AbstractAsyncContextManager,
    AbstractContextManager,
    asynccontextmanager,
)
from types import TracebackType
from typing import ParamSpec, TypeVar

from interlock.core.errors import InterlockError

Q = ParamSpec("Q")
T = TypeVar("T")

#: The innermost block of this task, of whichever engine.
_innermost: contextvars.ContextVar["Block | None"] = contextvars.ContextVar(
    "interlock_block", default=None
)


class Offload:
    """The threads of one `AsyncEngine`.

    It does not use the loop's default pool: that belongs to the application, whose
    calls must not wait behind a write that waits for the database.
    """

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(thread_name_prefix="interlock-call")
        self._is_closed = False

    async def call(
        self, method: Callable[Q, T], /, *args: Q.args, **kwargs: Q.kwargs
    ) -> T:
        """Call in a thread; inside a block, in the thread of the block.

        A canceled task stops waiting for the call, but the call runs to its end.

        Raises:
            InterlockError: the engine is closed.
        """
        work: Future[T] | None = None
        while work is None and (block := self.block()) is not None:
            async with block.turn:
                if block.is_open:
                    work = _submitted(block.pool, method, *args, **kwargs)
        if work is None:
            if self._is_closed:
                raise InterlockError("This engine is closed. Open another one.")
            work = _submitted(self._pool, method, *args, **kwargs)
        return await asyncio.shield(asyncio.wrap_future(work))

    def block(self) -> "Block | None":
        """Return the innermost open block that this task is in."""
        block = _innermost.get()
        while block is not None and not (block.is_open and block.offload is self):
            block = block.before
        return block

    def close(self) -> None:
        """Refuse further calls, and wait for running ones."""
        self._is_closed = True
        self._pool.shutdown()


class Block(AbstractAsyncContextManager[None]):
    """One transaction over awaits: its calls run one by one on one thread.

    A nested block is a part of the outer one, on the same thread. While it is open,
    calls that other tasks make in the outer block wait, because a rollback of the inner
    block would undo them too.
    """

    def __init__(
        self, offload: Offload, transaction: AbstractContextManager[None]
    ) -> None:
        self.offload = offload
        self.turn = asyncio.Lock()
        self.is_open = False
        self.before: Block | None = None  # what the task was in
        self._outer: Block | None = None  # of the same engine
        self.pool: ThreadPoolExecutor
        self._transaction = transaction

    async def __aenter__(self) -> None:
        self.before = _innermost.get()
        while (outer := self.offload.block()) is not None:
            await outer.turn.acquire()
            if outer.is_open:
                break
            outer.turn.release()
        self._outer = outer
        if outer is not None:
            self.pool = outer.pool
        else:
            self.pool = ThreadPoolExecutor(1, "interlock-block")
        try:
            await _entered(self.pool, self._transaction)
        except BaseException:
            self._release()
            raise
        self.is_open = True
        _innermost.set(self)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool | None:
        _innermost.set(self.before)
        return await finished(asyncio.ensure_future(self._leave(kind, error, trace)))

    async def _leave(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool | None:
        async with self.turn:  # blocks of other tasks within this one end first
            self.is_open = False
            try:
                return await _exited(self.pool, self._transaction, kind, error, trace)
            finally:
                self._release()

    def _release(self) -> None:
        if self._outer is None:
            self.pool.shutdown(wait=False)
        else:
            self._outer.turn.release()


@asynccontextmanager
async def on_thread(manager: AbstractContextManager[T]) -> AsyncIterator[T]:
    """Enter and leave a context manager on a thread of its own."""
    pool = ThreadPoolExecutor(1, "interlock-block")
    try:
        value = await _entered(pool, manager)
        try:
            yield value
        finally:
            await _exited(pool, manager, None, None, None)
    finally:
        pool.shutdown(wait=False)


async def in_thread(method: Callable[Q, T], /, *args: Q.args, **kwargs: Q.kwargs) -> T:
    """Call on a thread of its own; a canceled task waits for the end of the call."""
    pool = ThreadPoolExecutor(1, "interlock-call")
    work = _submitted(pool, method, *args, **kwargs)
    pool.shutdown(wait=False)
    return await finished(asyncio.wrap_future(work))


async def finished(work: "asyncio.Future[T]") -> T:
    """Return what `work` returns; a cancellation is raised when it has ended."""
    canceled: asyncio.CancelledError | None = None
    while not work.done():
        try:
            await asyncio.wait([work])
        except asyncio.CancelledError as error:
            canceled = error
    if canceled is None:
        return work.result()
    work.exception()  # else asyncio reports that nobody has asked for it
    raise canceled


async def _entered(pool: ThreadPoolExecutor, manager: AbstractContextManager[T]) -> T:
    """Enter; if the task is canceled meanwhile, leave again."""
    entering = _submitted(pool, manager.__enter__)
    try:
        return await finished(asyncio.wrap_future(entering))
    except asyncio.CancelledError as canceled:
        if entering.exception() is None:
            await _exited(pool, manager, type(canceled), canceled, None)
        raise


async def _exited(
    pool: ThreadPoolExecutor,
    manager: AbstractContextManager[object],
    kind: type[BaseException] | None,
    error: BaseException | None,
    trace: TracebackType | None,
) -> bool | None:
    leaving = _submitted(pool, manager.__exit__, kind, error, trace)
    return await finished(asyncio.wrap_future(leaving))


def _submitted(
    pool: ThreadPoolExecutor,
    method: Callable[Q, T],
    /,
    *args: Q.args,
    **kwargs: Q.kwargs,
) -> Future[T]:
    """Submit a call that sees the context of this task: the current span is in it."""
    context = contextvars.copy_context()
    return pool.submit(lambda: context.run(method, *args, **kwargs))
