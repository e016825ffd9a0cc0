"""What a job's process says of its end: the result in JSON, or what went wrong."""

import json
import re
import traceback
from typing import Final

from interlock.errors import UnknownJobName
from interlock.lifecycle import Reason
from interlock.retry import Retry, type_name
from interlock.shape import MAX_DEPTH, is_deeper
from interlock_adapters.subprocess.protocol import MAX_RESULT, Kind, frame, framed

_MAX_TEXT: Final = 64 * 1024  # of a message, and of a traceback
#: The escape, and not an escaped backslash before the same letters.
_NUL: Final = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
_RESULT: Final = Kind.RESULT  # to ask an enum for it touches many pages in 3.11
_to_json: Final = json.JSONEncoder(allow_nan=False, ensure_ascii=False).encode


def result_frame(result: object) -> bytes:
    """Return the frame with a result, or with the failure that it is not one."""
    try:
        text = _plain_json(result) or _storable_json(result)
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
    lines = traceback.format_exception(error)
    return {
        "reason": reason,
        "message": str(error)[:_MAX_TEXT] or type(error).__name__,
        "type": type_name(type(error)),
        "traceback": "".join(lines)[-_MAX_TEXT:],
        "transient": retry.covers(error),
    }
