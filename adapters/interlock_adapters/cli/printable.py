"""Text that jobs and people wrote, as a terminal may be sent it."""

import re
from typing import Final

#: What sets colours, and nothing else (ECMA-48, 8.3.117).
_SGR: Final = re.compile(r"(\x1b\[[0-9;]*m)")


def clean(text: str) -> str:
    """Return text without control characters: they are escaped, and do nothing."""
    if text.isprintable():
        return text
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape").decode() for c in text
    )


def clean_lines(text: str) -> str:
    """Return text of several lines, each without control characters."""
    return "\n".join(map(clean, text.split("\n")))


def clean_line(text: str, *, has_colours: bool) -> str:
    """Return a line of output for a terminal: only its colours and tabs are left."""
    parts = _SGR.split(text)
    kept = [
        (part if has_colours else "")
        if number % 2
        else "\t".join(map(clean, part.split("\t")))
        for number, part in enumerate(parts)
    ]
    return "".join(kept) + ("\x1b[0m" if has_colours and len(parts) > 1 else "")
