"""Describes in JSON how a job's function ended: its result, or its failure.

Runners call it in the process in which the function ran.
"""

import json
import re
import sys
import traceback
from typing import TYPE_CHECKING, Final

from interlock.core.errors import StepMismatch
from interlock.core.json_limits import MAX_DEPTH, is_deeper
from interlock.core.lifecycle import Reason
from interlock.core.retry import Retry, Snooze, TransientError, type_name
from interlock.jobs import suspension
from interlock.jobs.annotations import Misfit

if TYPE_CHECKING:
    from interlock.jobs.codecs import Codec

MAX_RESULT: Final = 1024 * 1024  # bytes of JSON
_MAX_TEXT: Final = 64 * 1024  # of a message, and of a traceback
#: The escape, and not an escaped backslash before the same letters.
_NUL: Final = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
_to_json: Final = json.JSONEncoder(allow_nan=False, ensure_ascii=False).encode


def result_text(result: object, codec: "Codec | None") -> bytes:
    """Return the JSON of what a function returned.

    Raises:
        Misfit: it cannot be stored as JSON; the job is FAILED(bad_result).
    """
    try:
        if codec is not None:
            result = codec.returned(result)
        text = _plain_json(result) or _storable_json(result)
    except (TypeError, ValueError, RecursionError) as error:
        kind = type(result).__name__
        message = f"the job returned a {kind} that is not JSON: {error}"
        raise Misfit([message]) from error
    if len(text) > MAX_RESULT:
        message = f"the result is {len(text)} bytes of JSON; at most {MAX_RESULT} fit"
        raise Misfit([message])
    if isinstance(result, dict | list | tuple) and is_deeper(result):
        raise Misfit([f"the result is nested deeper than {MAX_DEPTH} levels"])
    return text


def _plain_json(result: object) -> bytes | None:
    """Return None and integers as JSON without the encoder, which costs many pages."""
    if result is None:
        return b"null"
    return b"%d" % result if type(result) is int else None


def _storable_json(result: object) -> bytes:
    text = _to_json(result).encode()
    if _NUL.search(text):
        raise ValueError("the NUL character cannot be stored")
    return text


def swallowed() -> dict[str, object]:
    """Return the fields of a `Failure` for a job that swallowed `Suspended`."""
    words = (
        "the function slept or waited for a signal, and then returned: it must let "
        "Suspended propagate (it is no Exception; look for `except BaseException`, "
        "`except:` and `return` in `finally`)"
    )
    return {"reason": Reason.BAD_RESULT, "message": words}


def bad_result(error: Misfit) -> dict[str, object]:
    """Return the fields of a `Failure` for a result that cannot be stored."""
    return {"reason": Reason.BAD_RESULT, "message": str(error)[:_MAX_TEXT]}


def failure(error: BaseException, retry: Retry, *, folder: str) -> dict[str, object]:
    """Return the fields of a `Failure` for an exception; `Snooze` is one too.

    `folder` is the folder of the code that called the function. The traceback omits its
    frames.
    """
    asked_back = suspension.take()
    if asked_back is not None:  # whatever the exception was wrapped in
        return asked_back
    if isinstance(error, Misfit):
        return bad_result(error)
    if isinstance(error, StepMismatch):
        return {"reason": Reason.STEP_MISMATCH, "message": str(error)[:_MAX_TEXT]}
    if isinstance(error, Snooze):
        words = _message(error)[:_MAX_TEXT]
        asked = {"message": words, "type": type_name(type(error))}
        return {"reason": Reason.SNOOZED, **asked, "delay_s": error.seconds}
    reason = Reason.ERROR
    if isinstance(error, MemoryError):
        reason = Reason.OUT_OF_MEMORY
    _leave_out(error, folder)
    return {
        "reason": reason,
        "message": _message(error)[:_MAX_TEXT] or type(error).__name__,
        "type": type_name(type(error)),
        "traceback": _traceback(error)[-_MAX_TEXT:],
        "transient": retry.covers(error),
        "delay_s": getattr(error, "delay", None)
        if isinstance(error, TransientError)
        else None,
    }


def not_started(error: Exception, retry: Retry) -> dict[str, object]:
    """Return the fields of a `Failure` for an attempt whose process cannot be started.

    The kernel's refusal (no process, no descriptor, no memory) may pass.
    """
    kernel = isinstance(error, OSError)
    words = f"the job's process could not be started: {error}" if kernel else str(error)
    return {
        "reason": Reason.SPAWN_ERROR,
        "message": words,
        "type": type_name(type(error)),
        "transient": kernel and retry.covers(error),
    }


def _leave_out(error: BaseException, folder: str) -> None:
    """Let the traceback begin with the job's function."""
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename.startswith(folder):
        trace = trace.tb_next
    if trace is not None:
        error.__traceback__ = trace


def _message(error: BaseException) -> str:
    """Return the text of an exception, even if its `str()` raises."""
    try:
        return str(error)
    except Exception as odd:  # noqa: BLE001  (code of the job's own)
        return f"(its str() raised {type(odd).__name__})"


def _traceback(error: BaseException) -> str:
    try:
        return "".join(traceback.format_exception(error))
    except Exception as odd:  # noqa: BLE001  (code of the job's own)
        frames = traceback.format_tb(error.__traceback__)
        last = f"{type_name(type(error))}: (telling it raised {type(odd).__name__})\n"
        return "".join(["Traceback (most recent call last):\n", *frames, last])


def left(leaving: SystemExit) -> tuple[int, dict[str, object] | None]:
    """Return the exit code of `sys.exit(...)`, and a `Failure` if it had a text."""
    if leaving.code is None:
        return 0, None
    if isinstance(leaving.code, int):
        return leaving.code & 0xFF, None
    message = _message(leaving)
    print(message, file=sys.stderr)  # noqa: T201  (what Python does then)
    return 1, {"reason": Reason.EXIT_CODE, "message": message[:_MAX_TEXT]}


def exited(code: int) -> dict[str, object]:
    """Return the fields of a `Failure` for an exit code above 0."""
    message = f"the process ended with exit code {code}"
    return {"reason": Reason.EXIT_CODE, "exit_code": code, "message": message}
