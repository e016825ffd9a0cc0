"""Jobs that say what nobody should say; `sample_jobs` has them too."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable
from contextlib import suppress

from interlock import current_job, job


def _nested(wrap: Callable[[object], object], times: int) -> object:
    held: object = "C:\\users"
    for _ in range(times):
        held = wrap(held)
    return held


@job(name="t.odd")
def odd(how: str) -> object:
    match how:
        case "strange":  # no text of a database: a NUL, half a surrogate pair
            current_job().progress(1, message="\x00\ud800")
            print("\x00")
            raise ValueError("\x00\ud800")
        case "nul":
            return "\x00"
        case "deep":
            return _nested(lambda held: [held], 900)
        case "binary":
            os.write(1, b"\0" * 2_000_000)
        case "deep tuple":
            return _nested(lambda held: (held,), 70)
        case "huge":
            return 10**5000
        case "forges":  # nonsense in every pipe that it has
            deep = b"[" * 900 + b'"\\u001b"' + b"]" * 900
            texts = (b"[]", b"nonsense", b"NaN", b"1e999", b'{"reason": 1}', deep)
            for fd in range(3, 20):
                for kind in b"PRFXDS":
                    for text in texts:
                        with suppress(OSError):
                            head = struct.pack("!cI", bytes([kind]), len(text))
                            os.write(fd, head + text)
        case _:
            pass
    return how
