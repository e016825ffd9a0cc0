"""Job ids: opaque text that sorts in the order of submission; parts of them."""

import os
import re
import threading
from datetime import datetime
from typing import Final

from interlock.core.errors import InvalidOption, JobNotFound

_SHORT: Final = 8  # digits that people see: two in a million jobs differ in them
_MAX: Final = 255
_DIGITS: Final = re.compile(r"[0-9a-fA-F]{4,32}")
_WHOLE: Final = 32  # digits
_lock = threading.Lock()
_last = 0


def new_id(now: datetime) -> str:
    """Return a new id: UUID version 7 (RFC 9562, 5.7) as 32 hexadecimal digits.

    48 bits of milliseconds, then a counter where RFC 9562 6.2 method 1 puts it, so that
    ids made within one millisecond in this process keep their order too.
    """
    global _last  # noqa: PLW0603  (the counter of this process)
    stamp = (int(now.timestamp() * 1000) << 12) & (1 << 60) - 1
    with _lock:
        _last = stamp = max(stamp, _last + 1)
    random = int.from_bytes(os.urandom(8)) & (1 << 62) - 1
    number = (
        (stamp >> 12) << 80 | 0x7 << 76 | (stamp & 0xFFF) << 64 | 0x2 << 62 | random
    )
    return f"{number:032x}"


def refuse_malformed(job_id: str) -> None:
    """Refuse text that cannot be a job id; some databases could not even store it.

    Raises:
        JobNotFound: no job can have this id.
    """
    if len(job_id) > _MAX or not job_id.isprintable():
        raise JobNotFound(job_id)


def short_id(job_id: str) -> str:
    """Return the short form for people: the last digits, which are random.

    The first ones are the time, so they are alike for all jobs of a minute.
    """
    return job_id[-_SHORT:]


def is_part(text: str) -> bool:
    """Whether a text can be the first or the last digits of an id, but no whole one."""
    return len(text) < _WHOLE and _DIGITS.fullmatch(text) is not None


def checked_part(text: str) -> str:
    """Return an id, or a part of one, as ids are written.

    Raises:
        InvalidOption: no id can begin or end with it, or it is too short.
    """
    if not _DIGITS.fullmatch(text):
        allowed = "an id, or 4 or more of the hexadecimal digits that it begins or ends"
        raise InvalidOption("id", text, f"{allowed} with")
    return text.lower()
