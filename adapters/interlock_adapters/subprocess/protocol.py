"""The protocol of worker, shim and job: frames of JSON on pipes. Never pickle."""

import json
import math
import struct
from collections.abc import Iterator
from enum import Enum
from typing import Any, Final

from interlock.core.json_limits import MAX_DEPTH, is_deeper

_HEAD: Final = struct.Struct("!cI")
MAX_AROUND: Final = 8  # levels of a request around its parameters
MAX_PAYLOAD: Final = (
    4 * 1024 * 1024
)  # params, result and traceback are bounded below it


class Kind(bytes, Enum):
    """The kind of a frame: its first byte."""

    # worker -> shim
    LAUNCH = b"L"
    EXTEND = b"E"  # the lease deadline
    STOP = b"T"  # SIGTERM, grace, kill
    KILL = b"K"
    # shim -> worker
    STARTED = b"S"
    OUTPUT = b"O"
    EXITED = b"X"
    VERDICT = b"V"  # the failure that the shim has found, not the job
    DEAD = b"D"
    UNCONFIRMED = b"U"  # killed, but the kernel does not say that it is dead
    # job -> shim -> worker
    PROGRESS = b"P"
    REQUEST = b"Q"  # do something for the job, and answer
    RESULT = b"R"
    FAILURE = b"F"
    # shim -> job
    NOTICE = b"N"
    # worker -> shim -> job
    REPLY = b"A"


_KINDS: Final = {bytes(kind): kind for kind in Kind}
FROM_JOB: Final = frozenset({Kind.PROGRESS, Kind.REQUEST, Kind.RESULT, Kind.FAILURE})


class GarbledError(Exception):
    """The bytes are not frames: the peer does not follow the protocol."""


def frame(kind: Kind, payload: object) -> bytes:
    """Return one frame."""
    return framed(kind, json.dumps(payload).encode())


def framed(kind: Kind, text: bytes) -> bytes:
    """Return one frame around JSON text."""
    return _HEAD.pack(kind, len(text)) + text


def unframed(text: bytes, kind: "Kind | None" = None) -> Any:
    """Return the value of a frame's JSON text, so that every database can store it.

    A job can write what it likes: NUL and half a surrogate pair become U+FFFD.

    Raises:
        GarbledError: it is no JSON (RFC 8259: no NaN either), or nested too deep.
    """
    try:
        value = _decode(text.decode())
    except (ValueError, RecursionError) as error:
        raise GarbledError(str(error)) from error
    # What a frame says is in an object; the parameters of a request are in more.
    max_depth = MAX_DEPTH + (MAX_AROUND if kind is Kind.REQUEST else 1)
    if text.count(b"{") + text.count(b"[") > max_depth and is_deeper(value, max_depth):
        raise GarbledError("it is nested too deep")
    return _storable(value) if b"\\u" in text else value


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


def _finite(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise ValueError(f"{digits} is too large a number")
    return number


_decode: Final = json.JSONDecoder(parse_constant=_refuse, parse_float=_finite).decode


def _storable(value: Any) -> Any:
    if isinstance(value, str):
        pairs = value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        return pairs.replace("\x00", "\ufffd")
    if isinstance(value, list):
        return [_storable(item) for item in value]
    if isinstance(value, dict):
        return {_storable(key): _storable(item) for key, item in value.items()}
    return value


class Decoder:
    """Turns bytes into frames; buffers at most one incomplete frame."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    @property
    def is_within(self) -> bool:
        """Whether a part of a frame has come."""
        return bool(self._buffer)

    def feed(self, data: bytes) -> Iterator[tuple[Kind, bytes]]:
        """Yield the complete frames, with their JSON text.

        Raises:
            GarbledError: an unknown kind, or a length out of bounds.
        """
        self._buffer += data
        while len(self._buffer) >= _HEAD.size:
            code, length = _HEAD.unpack_from(self._buffer)
            kind = _KINDS.get(code)
            if kind is None:
                raise GarbledError(f"unknown kind {code!r}")
            if length > MAX_PAYLOAD:
                raise GarbledError(f"a frame of {length} bytes")
            end = _HEAD.size + length
            if len(self._buffer) < end:
                return
            text = bytes(self._buffer[_HEAD.size : end])
            del self._buffer[:end]
            yield kind, text
