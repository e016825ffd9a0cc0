"""Reads what a job and its shim report. A job may write anything."""

import signal
from collections.abc import Container
from contextlib import suppress
from typing import Any, Final

from interlock.core.job import Failure
from interlock.core.lifecycle import GAVE_BACK, Reason
from interlock.core.progress import Progress
from interlock.core.records import SIGNAL
from interlock.core.retry import MAX_SECONDS
from interlock.jobs import outcome

_MAX_TEXT: Final = 200  # characters of a text of a progress report
_MAX_WORDS: Final = 65_536  # characters of a message, and of a traceback
_MAX_TYPE: Final = 500  # characters of the name of an exception
#: What a job may say of its own end; only the engine says the others.
JOBS_OWN: Final = frozenset({
    Reason.ERROR, Reason.EXIT_CODE, Reason.OUT_OF_MEMORY, Reason.BAD_RESULT,
    Reason.STEP_MISMATCH, *GAVE_BACK,
})  # fmt: skip
ALL: Final = frozenset(Reason)


def progress(report: Any) -> Progress:
    """Return the progress that a job reports.

    Raises:
        TypeError, OverflowError: it is none.
    """
    texts = {name: report.get(name) for name in ("phase", "unit", "message")}
    numbers = {name: report.get(name) for name in ("completed", "total")}
    if not all(isinstance(text, str | None) for text in texts.values()):
        raise TypeError("phase, unit and message of a progress must be text")
    for number in numbers.values():
        if not isinstance(number, int | float | None):
            raise TypeError("completed and total of a progress must be numbers")
        float(number or 0)  # OverflowError: pages divide it
    short = {name: text and text[:_MAX_TEXT] for name, text in texts.items()}
    return Progress(**short, **numbers)


def failure(report: Any, reasons: Container[Reason]) -> Failure:
    """Return the failure that a job or its shim reports.

    Raises:
        TypeError, ValueError, LookupError: it is none, or has none of these reasons.
    """
    kind, trace, code = (report.get(k) for k in ("type", "traceback", "exit_code"))
    reason = Reason(report["reason"])
    if reason not in reasons:
        raise ValueError(f"a job does not say {reason} of itself")
    return Failure(
        reason=reason,
        message=str(report["message"])[:_MAX_WORDS],
        type=None if kind is None else str(kind)[:_MAX_TYPE],
        traceback=None if trace is None else str(trace)[-_MAX_WORDS:],
        exit_code=code if code in range(256) else None,
        transient=report.get("transient") is True,
        delay_s=_delay(report.get("delay_s")),
        waits_for=_waited(report.get("waits_for")),
    )


def _waited(waits_for: object) -> str | None:
    """Return what a job waits for; None if it is no such text."""
    if not isinstance(waits_for, str) or len(waits_for) > _MAX_TYPE:
        return None
    return waits_for if waits_for.startswith(SIGNAL) else None


def _delay(asked: object) -> float | None:
    """Return the delay that a job has asked for; None if it is none."""
    number = isinstance(asked, int | float) and not isinstance(asked, bool)
    return asked if number and 0 <= asked <= MAX_SECONDS else None  # type: ignore[operator, return-value]  # it is a number


def unexplained(code: int) -> Failure:
    """Return the failure of a process that ended without a report."""
    if code < 0:
        with suppress(ValueError):
            name = signal.Signals(-code).name
            return Failure(
                reason=Reason.SIGNAL, signal=-code, message=f"killed by {name}"
            )
        return Failure(
            reason=Reason.SIGNAL, signal=-code, message=f"killed by signal {-code}"
        )
    if code > 0:
        return failure(outcome.exited(code), ALL)
    return Failure(
        reason=Reason.BAD_RESULT,
        exit_code=0,
        message="the process ended with exit code 0, but the function did not return",
    )
