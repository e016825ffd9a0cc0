"""Compares values with what is read back from their JSON."""

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any, Final

from pydantic import BaseModel

_LISTS: Final = (list, tuple, set, frozenset)


def alike(one: Any, other: Any) -> bool:
    """Whether a value came back as itself, or as an equal value of a base class.

    Values inside containers are compared in the same way.
    """
    if not isinstance(one, type(other)):
        return False
    if isinstance(one, dict):
        pairs = zip(one.items(), other.items(), strict=False)
        return len(one) == len(other) and all(
            alike(k, m) and alike(v, w) for (k, v), (m, w) in pairs
        )
    if isinstance(one, list | tuple):
        pairs = zip(one, other, strict=False)
        return len(one) == len(other) and all(alike(v, w) for v, w in pairs)
    if isinstance(one, BaseModel) or is_dataclass(one):
        fields_of = zip(_of(one), _of(other), strict=False)
        return type(one) is type(other) and all(alike(v, w) for v, w in fields_of)
    return bool(one == other) or not _has_equality(type(one))


def _has_equality(kind: type) -> bool:
    return "__eq__" in {name for each in kind.__mro__[:-1] for name in vars(each)}


def _of(made: Any) -> list[object]:
    """Return the values of the fields of a dataclass or a model."""
    if isinstance(made, BaseModel):
        return [
            *(getattr(made, name) for name in type(made).model_fields),
            made.model_extra,
        ]
    return [getattr(made, field.name) for field in fields(made)]


def in_order(value: Any, stored: Any) -> Any:
    """Return the JSON of a value, with the elements of sets sorted, also inside.

    Value and JSON are walked together: the JSON of a set has the order of the set.
    """
    if isinstance(stored, dict):
        inside = _inside(value, stored)
        if len(inside) != len(stored):
            return stored
        pairs = zip(stored.items(), inside, strict=True)
        return {name: in_order(each, of) for (name, of), each in pairs}
    alike_in_length = isinstance(stored, list) and isinstance(value, _LISTS)
    if not alike_in_length or len(value) != len(stored):
        return stored
    found = [in_order(each, of) for each, of in zip(value, stored, strict=True)]
    return _sorted(found) if isinstance(value, set | frozenset) else found


def _sorted(found: list[Any]) -> list[Any]:
    try:
        return sorted(found)
    except TypeError:
        return sorted(found, key=lambda each: json.dumps(each, sort_keys=True))


def _inside(value: Any, stored: dict[str, object]) -> list[object]:
    """Return the values that the parts of a JSON object were made from."""
    if isinstance(value, Mapping):
        if all(name in value for name in stored):
            return [value[name] for name in stored]
        return list(value.values())  # its keys are no text
    if isinstance(value, BaseModel) or is_dataclass(value):
        return [getattr(value, name, None) for name in stored]
    return []
