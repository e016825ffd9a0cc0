"""Rewrites annotations so that pydantic can read back the JSON that it writes.

In strict JSON mode pydantic reads neither Enums as keys nor Enum members in a Literal.
Before Python 3.12 it does not accept `typing.TypedDict`.
"""

import sys
import typing
from collections import abc
from collections.abc import Mapping
from enum import Enum
from functools import cache
from inspect import Parameter
from typing import Annotated, Any, Final, Literal

import typing_extensions
from pydantic import AfterValidator, BeforeValidator, PlainSerializer

from interlock.jobs import annotations

#: pydantic takes anything for an Iterable and nothing for a Collection; for a Set it
#: takes a frozenset alone.
_INSTEAD: Final[Mapping[Any, Any]] = {
    abc.Iterable: list,
    abc.Collection: list,
    abc.Set: set,
    abc.MutableSet: set,
}


def usable(annotation: Any, *, key: bool = False) -> Any:
    """Return an equal annotation whose JSON pydantic can read back.

    Args:
        annotation: any annotation whose names are resolved.
        key: whether it is the annotation of a mapping's keys.
    """
    if annotation is Parameter.empty or isinstance(annotation, typing.ParamSpecKwargs):
        return object
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return _enum(annotation, key=key)
    if getattr(annotation, "__module__", None) == "freezegun.api":
        return annotation.__bases__[0]  # in a test that froze the clock of a module
    if typing.is_typeddict(annotation) and sys.version_info < (3, 12):
        return _typed_dict(annotation)
    origin, inside = typing.get_origin(annotation), typing.get_args(annotation)
    instead = _INSTEAD.get(origin or annotation) if _is_hashable(annotation) else None
    if instead is not None:
        return instead[usable(inside[0])] if inside else instead
    return _rebuilt(annotation, origin, inside) if inside else annotation


def _is_hashable(annotation: object) -> bool:
    try:
        hash(annotation)
    except TypeError:  # metadata may be anything
        return False
    return True


def _rebuilt(annotation: Any, origin: Any, inside: tuple[Any, ...]) -> Any:
    if origin is Literal:
        return _literal(inside)
    if origin is Annotated:
        return Annotated[(usable(inside[0]), *inside[1:])]
    is_dict = isinstance(origin, type) and issubclass(origin, Mapping)
    parts = tuple(
        usable(part, key=is_dict and index == 0) for index, part in enumerate(inside)
    )
    if parts == inside or origin is None:
        return annotation
    if origin in annotations.UNIONS:
        return typing.Union[parts]  # noqa: UP007  (of values)
    return origin[parts]


@cache
def _enum(kind: type[Enum], *, key: bool) -> Any:
    """Let an Enum be read by its value; by its name, if the values are no scalars.

    As a key of a JSON object each value is text.
    """
    values = {member.value: member for member in kind} if _are_scalar(kind) else None
    if values is None:
        return Annotated[
            kind,
            BeforeValidator(lambda v: kind.__members__.get(v, v) if _is(v) else v),
            PlainSerializer(lambda member: member.name, when_used="json"),
        ]
    if not key or all(isinstance(value, str) for value in values):
        return kind
    by_text = {str(value): member for value, member in values.items()}
    return Annotated[
        kind,
        BeforeValidator(lambda v: by_text.get(v, v) if _is(v) else v),
        PlainSerializer(lambda member: str(member.value), when_used="json"),
    ]


def _is(value: object) -> bool:
    return type(value) is str


def _are_scalar(kind: type[Enum]) -> bool:
    return all(isinstance(member.value, str | int | float) for member in kind)


def _literal(values: tuple[Any, ...]) -> Any:
    """Let the members of an Enum be read as those, and bytes as bytes."""
    plain = tuple(v for v in values if not isinstance(v, bytes | Enum))
    kinds: list[Any] = [Literal[plain]] if plain else []
    other_kinds = [type(v) for v in values if isinstance(v, bytes | Enum)]
    for kind in dict.fromkeys(other_kinds):
        allowed = tuple(v for v in values if type(v) is kind)

        def one_of(value: object, allowed: tuple[object, ...] = allowed) -> object:
            if value not in allowed:
                raise ValueError(f"it must be one of {', '.join(map(repr, allowed))}")
            return value

        kinds.append(Annotated[usable(kind), AfterValidator(one_of)])
    return typing.Union[tuple(kinds)]  # noqa: UP007  (of values)


_under_way: Final[list[object]] = []


def _typed_dict(declared: Any) -> Any:
    """Return the same TypedDict as pydantic wants it before Python 3.12."""
    if type(declared).__module__ != "typing" or declared in _under_way:
        return declared
    _under_way.append(declared)
    try:
        hints = typing.get_type_hints(declared, include_extras=True)
        required = declared.__required_keys__
        parts = {
            name: typing_extensions.Required[usable(_bare(kind))]
            if name in required
            else typing_extensions.NotRequired[usable(_bare(kind))]
            for name, kind in hints.items()
        }
    finally:
        _under_way.remove(declared)
    make: Any = typing_extensions.TypedDict
    return make(declared.__name__, parts)


def _bare(kind: Any) -> Any:
    is_marked = typing.get_origin(kind) in {typing.Required, typing.NotRequired}
    return typing.get_args(kind)[0] if is_marked else kind
