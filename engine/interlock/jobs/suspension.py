"""How a job gives itself back, to go on as a new attempt: it leaves by an exception.

What it asked for is remembered: the exception may be wrapped on its way, or swallowed.
"""

from typing import Any

from interlock.core.errors import PACKAGE, InterlockError
from interlock.core.lifecycle import Reason

_asked: dict[str, Any] | None = None


class Suspended(BaseException):
    """The job sleeps or waits; it goes on later, in a new attempt and process.

    Let it propagate. `finally` blocks run. It is not an `Exception`.
    """

    __module__ = PACKAGE


def suspend(
    reason: Reason, delay_s: float | None, waits_for: str | None = None
) -> None:
    """Leave the job's function.

    Raises:
        Suspended: always.
        InterlockError: this is not the main thread.
    """
    global _asked  # noqa: PLW0603  (the process is the job's own)
    refuse_thread()
    message = f"it gave itself back ({reason})"
    _asked = {"reason": reason, "message": message, "delay_s": delay_s}
    _asked["waits_for"] = waits_for
    raise Suspended(message)


def refuse_thread() -> None:
    """Refuse to give the job back from a thread. Raises InterlockError."""
    import threading  # noqa: PLC0415  (no other job needs it)

    if threading.current_thread() is not threading.main_thread():
        raise InterlockError(
            "Only the job's main thread can sleep, or wait for a signal or for jobs, "
            "because the whole process ends then. Nothing was stored. With "
            "result(timeout=60) a thread waits for a job in this process."
        )


def take() -> dict[str, Any] | None:
    """Return the fields of a `Failure` for what was asked, once; None: nothing."""
    global _asked
    asked, _asked = _asked, None
    return asked
