"""How deep a JSON value may be nested: whatever reads it again must be able to."""

from typing import Final

MAX_DEPTH: Final = 64


def is_deeper(value: object, most: int = MAX_DEPTH) -> bool:
    """Whether arrays and objects are nested deeper than `most`; without recursion."""
    level = [value]
    for _ in range(most + 1):
        below: list[object] = []
        for each in level:
            if isinstance(each, dict):
                below += each.values()
            elif isinstance(each, list | tuple):
                below += each
        if not below:
            return False
        level = below
    return any(isinstance(each, dict | list | tuple) for each in level)
