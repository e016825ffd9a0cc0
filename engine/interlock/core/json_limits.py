"""The limits of stored JSON: its depth, and characters that no database can store."""

import re
from typing import Final

MAX_DEPTH: Final = 64
#: The escape of NUL, and not an escaped backslash before the same letters.
_NUL: Final = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")


def is_deeper(value: object, most: int = MAX_DEPTH) -> bool:
    """Whether arrays and objects are nested deeper than `most`; without recursion."""
    level = [value]
    for _ in range(most + 1):
        below: list[object] = []
        for element in level:
            if isinstance(element, dict):
                below += element.values()
            elif isinstance(element, list | tuple):
                below += element
        if not below:
            return False
        level = below
    return any(isinstance(element, dict | list | tuple) for element in level)


def is_storable(text: str) -> bool:
    """Whether every database can hold a text of JSON that is not escaped to ASCII.

    No NUL (PostgreSQL has none) and no half of a surrogate pair (UTF-8 has none).
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return "\\u0000" not in text or _NUL.search(text) is None
