"""Compares values with what is read back from their JSON."""

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any, Final

from pydantic import BaseModel

_LISTS: Final = (list, tuple, set, frozenset)


def alike(value: Any, other: Any) -> bool:
    """Whether a value came back as itself, or as an equal value of a base class.

    Values inside containers are compared in the same way.
    """
    if not isinstance(value, type(other)):
        return False
    if isinstance(value, dict):
        pairs = zip(value.items(), other.items(), strict=False)
        return len(value) == len(other) and all(
            alike(k, m) and alike(v, w) for (k, v), (m, w) in pairs
        )
    if isinstance(value, list | tuple):
        pairs = zip(value, other, strict=False)
        return len(value) == len(other) and all(alike(v, w) for v, w in pairs)
    if isinstance(value, BaseModel) or is_dataclass(value):
        fields_of = zip(_of(value), _of(other), strict=False)
        return type(value) is type(other) and all(alike(v, w) for v, w in fields_of)
    return bool(value == other) or not _has_equality(type(value))


def _has_equality(kind: type) -> bool:
    return "__eq__" in {name for base in kind.__mro__[:-1] for name in vars(base)}


def _of(value: Any) -> list[object]:
    """Return the values of the fields of a dataclass or a model."""
    if isinstance(value, BaseModel):
        return [
            *(getattr(value, name) for name in type(value).model_fields),
            value.model_extra,
        ]
    return [getattr(value, field.name) for field in fields(value)]


def in_order(value: Any, stored: Any) -> Any:
    """Return the JSON of a value, with the elements of sets sorted, also inside.

    Value and JSON are walked together: the JSON of a set has the order of the set.
    """
    if isinstance(stored, dict):
        inside = _inside(value, stored)
        if len(inside) != len(stored):
            return stored
        pairs = zip(stored.items(), inside, strict=True)
        return {
            name: in_order(part, stored_part) for (name, stored_part), part in pairs
        }
    alike_in_length = isinstance(stored, list) and isinstance(value, _LISTS)
    if not alike_in_length or len(value) != len(stored):
        return stored
    elements = [
        in_order(part, stored_part)
        for part, stored_part in zip(value, stored, strict=True)
    ]
    return _sorted(elements) if isinstance(value, set | frozenset) else elements


def _sorted(elements: list[Any]) -> list[Any]:
    try:
        return sorted(elements)
    except TypeError:
        return sorted(elements, key=lambda element: json.dumps(element, sort_keys=True))


def _inside(value: Any, stored: dict[str, object]) -> list[object]:
    """Return the values that the parts of a JSON object were made from."""
    if isinstance(value, Mapping):
        if all(name in value for name in stored):
            return [value[name] for name in stored]
        return list(value.values())  # its keys are no text
    if isinstance(value, BaseModel) or is_dataclass(value):
        return [getattr(value, name, None) for name in stored]
    return []
