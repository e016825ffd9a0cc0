"""What a job's process says of its end: the result in JSON, or what went wrong."""

import json
import re
import sys
import traceback
from typing import TYPE_CHECKING, Final

from interlock.annotations import Misfit
from interlock.errors import UnknownJobName
from interlock.lifecycle import Reason
from interlock.retry import Retry, type_name
from interlock.shape import MAX_DEPTH, is_deeper
from interlock_adapters.subprocess.protocol import MAX_RESULT, Kind, frame, framed
from interlock_adapters.subprocess.stacks import OURS

if TYPE_CHECKING:
    from interlock.codecs import Codec

_MAX_TEXT: Final = 64 * 1024  # of a message, and of a traceback
#: The escape, and not an escaped backslash before the same letters.
_NUL: Final = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
_RESULT: Final = Kind.RESULT  # to ask an enum for it touches many pages in 3.11
_to_json: Final = json.JSONEncoder(allow_nan=False, ensure_ascii=False).encode


def result_frame(result: object, codec: "Codec | None" = None) -> bytes:
    """Return the frame with a result, or with the failure that it is not one."""
    try:
        if codec is not None:
            result = codec.returned(result)
        text = _plain_json(result) or _storable_json(result)
    except Misfit as error:
        wrong = str(error)[:_MAX_TEXT]
    except (TypeError, ValueError, RecursionError) as error:
        kind = type(result).__name__
        wrong = f"the job returned a {kind} that is not JSON: {error}"
    else:
        if len(text) > MAX_RESULT:
            wrong = f"the result is {len(text)} bytes of JSON; at most {MAX_RESULT} fit"
        elif isinstance(result, dict | list | tuple) and is_deeper(result):
            wrong = f"the result is nested deeper than {MAX_DEPTH} levels"
        else:
            return framed(_RESULT, text)
    return frame(Kind.FAILURE, {"reason": Reason.BAD_RESULT, "message": wrong})


def _plain_json(result: object) -> bytes | None:
    """Return what most jobs return as JSON, without the encoder's many pages."""
    if result is None:
        return b"null"
    return b"%d" % result if type(result) is int else None


def _storable_json(result: object) -> bytes:
    text = _to_json(result).encode()
    if _NUL.search(text):
        raise ValueError("the NUL character cannot be stored")
    return text


def failure(error: BaseException, retry: Retry) -> dict[str, object]:
    """Return what is to be known of an exception, in JSON."""
    reason = Reason.ERROR
    if isinstance(error, MemoryError):
        reason = Reason.OUT_OF_MEMORY
    elif isinstance(error, UnknownJobName):
        reason = Reason.SPAWN_ERROR
    _leave_out_ours(error)
    return {
        "reason": reason,
        "message": _words(error)[:_MAX_TEXT] or type(error).__name__,
        "type": type_name(type(error)),
        "traceback": _traceback(error)[-_MAX_TEXT:],
        "transient": reason != Reason.SPAWN_ERROR and retry.covers(error),
    }


def _leave_out_ours(error: BaseException) -> None:
    """Let the traceback begin with the job's function: what called it is ours."""
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename.startswith(OURS):
        trace = trace.tb_next
    if trace is not None:
        error.__traceback__ = trace


def _words(error: BaseException) -> str:
    """Return an exception's own words; it may be of a kind that cannot be asked."""
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


def exit_words(leaving: SystemExit) -> tuple[int, bytes | None]:
    """Return the exit code of `sys.exit(...)`, and a frame if it said words."""
    if leaving.code is None:
        return 0, None
    if isinstance(leaving.code, int):
        return leaving.code & 0xFF, None
    words = _words(leaving)
    print(words, file=sys.stderr)  # noqa: T201  (what Python does then)
    told = {"reason": Reason.EXIT_CODE, "message": words[:_MAX_TEXT]}
    return 1, frame(Kind.FAILURE, told)
