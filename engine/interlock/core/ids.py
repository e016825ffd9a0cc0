"""Job ids: opaque text that sorts in the order of submission."""

import os
import threading
from datetime import datetime
from typing import Final

from interlock.core.errors import JobNotFound

_MAX: Final = 255
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
