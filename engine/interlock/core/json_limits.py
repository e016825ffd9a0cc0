"""The limits of JSON: depth, keys, and characters that no database can store."""

import re
from typing import Any, Final

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


class RepeatedKeyError(ValueError):
    """An object has a key twice: readers disagree on which value counts (RFC 8259)."""

    def __init__(self, key: str) -> None:
        super().__init__(f"an object has the key {key[:100]!r} twice")


def unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object of JSON: the `object_pairs_hook` of `json.loads`.

    Raises:
        RepeatedKeyError: two of its keys are equal.
    """
    value = dict(pairs)
    if len(value) < len(pairs):
        keys = [key for key, _ in pairs]
        raise RepeatedKeyError(next(key for key in keys if keys.count(key) > 1))
    return value


def is_storable(text: str) -> bool:
    """Whether every database can hold a text of JSON that is not escaped to ASCII.

    No NUL (PostgreSQL has none) and no half of a surrogate pair (UTF-8 has none).
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return "\\u0000" not in text or _NUL.search(text) is None
