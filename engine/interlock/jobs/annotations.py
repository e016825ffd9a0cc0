"""Reads a job's annotations, and tells which values need no conversion to JSON.

Uses only the standard library, because every job's process imports it.
"""

import inspect
import io
import sys
import types
import typing
from collections import abc
from collections.abc import Callable, Iterator, Sequence
from enum import Enum
from functools import cache
from typing import Any, Final

from interlock.core.errors import InvalidOption

RETURN: Final = "return"
_SCALARS: Final = (
    *(None, types.NoneType, bool, int, float, str, object, Any),
    *(typing.NoReturn, typing.Never, typing.LiteralString, inspect.Parameter.empty),
)
_LISTS: Final = (
    *(list, abc.Sequence, abc.MutableSequence, abc.Iterable, abc.Collection),
)
_DICTS: Final = (dict, abc.Mapping, abc.MutableMapping)
UNIONS: Final = (typing.Union, types.UnionType)
#: Types that pydantic accepts, but that JSON cannot store, or not twice the same.
_IMPOSSIBLE: Final = (
    *(type, types.FunctionType, types.ModuleType, io.IOBase, typing.IO),
    *(abc.Iterator, abc.AsyncIterator, abc.AsyncIterable, abc.Awaitable),
)


class Misfit(Exception):
    """A value does not fit its annotation; `problems` has a line for each fault."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = tuple(problems)


def signature(function: Callable[..., object]) -> inspect.Signature:
    """Return the signature; names that do not exist yet stay as text."""
    if sys.version_info >= (3, 14):  # there annotations are evaluated when read
        from annotationlib import Format  # noqa: PLC0415  (see above)

        return inspect.signature(function, annotation_format=Format.FORWARDREF)
    return inspect.signature(function)


def written(function: Callable[..., object]) -> dict[str, object]:
    """Return the annotations of the parameters, and of `return`, unresolved."""
    own_signature = signature(function)
    annotations = {
        parameter.name: parameter.annotation
        for parameter in own_signature.parameters.values()
    }
    return {**annotations, RETURN: own_signature.return_annotation}


def resolved(function: Callable[..., object]) -> dict[str, object]:
    """Return the annotations of the parameters, and of `return`.

    Raises:
        InvalidOption: an annotation uses a name that does not exist at run time.
    """
    inner = inspect.unwrap(function)
    names = getattr(inner, "__globals__", {})
    types_of_it = {p.__name__: p for p in getattr(inner, "__type_params__", ())}
    annotations = written(function)
    for name, annotation in annotations.items():
        if not has_names(annotation):
            continue
        holder = types.SimpleNamespace(__annotations__={name: annotation})
        try:
            hints = typing.get_type_hints(
                holder, names, types_of_it, include_extras=True
            )
        except Exception as error:
            allowed = (
                f"a type that exists at run time ({error}): import it outside of "
                "`if TYPE_CHECKING`"
            )
            raise refusal(function, name, annotation, allowed) from error
        annotations[name] = hints[name]
    return annotations


def refusal(
    function: Callable[..., object], name: str, annotation: object, allowed: str
) -> InvalidOption:
    """Return the error that an annotation cannot be used."""
    prefix = "" if name == RETURN else f"{name}: "
    whose = getattr(function, "__qualname__", "function")
    where = f"{whose}({prefix}{shown(annotation)})"
    if name == RETURN:
        where = f"{whose}() -> {shown(annotation)}"
    return InvalidOption("annotation", where, allowed)


def shown(annotation: object) -> str:
    """Return an annotation as people write it."""
    if isinstance(annotation, str):
        return annotation
    if isinstance(annotation, type) and not typing.get_args(annotation):
        return annotation.__qualname__
    return str(annotation).replace("typing.", "").replace("collections.abc.", "")


def has_names(annotation: object) -> bool:
    """Whether an annotation is, or contains, text that is resolved later."""
    return any(isinstance(p, str | typing.ForwardRef) for p in _parts(annotation))


def _parts(annotation: object) -> Iterator[object]:
    """Yield an annotation and its parts, except those of a Literal or of metadata."""
    yield annotation
    origin, inside = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Literal:
        return
    for part in inside[:1] if origin is typing.Annotated else inside:
        for element in part if isinstance(part, list) else [part]:
            yield from _parts(element)


def impossible(annotation: object) -> str | None:
    """Return the part of an annotation that can never be stored, or None."""
    for part in _parts(annotation):
        kind = typing.get_origin(part) or part
        if kind is abc.Callable or isinstance(kind, types.BuiltinFunctionType):
            return shown(part)  # the latter such as threading.Lock
        if isinstance(kind, type) and issubclass(kind, _IMPOSSIBLE):
            return shown(part)
    return None


def is_plain(annotation: object, outer: tuple[object, ...] = ()) -> bool:
    """Whether JSON keeps every value of an annotation unchanged."""
    if any(annotation is known for known in (*_SCALARS, *outer)):
        return True
    if isinstance(annotation, typing.ParamSpecKwargs):
        return True
    if isinstance(annotation, typing.TypeVar):
        bounds = annotation.__constraints__ or (annotation.__bound__,)
        return all(is_plain(bound, outer) for bound in bounds)
    behind = _behind(annotation)
    if behind is not None:
        return is_plain(behind, (*outer, annotation))
    return _is_plain_container(annotation, outer)


def _is_plain_container(annotation: object, outer: tuple[object, ...]) -> bool:
    inside = typing.get_args(annotation)
    kind = typing.get_origin(annotation) or annotation
    if kind is typing.Annotated:
        return is_plain(inside[0], outer) and not any(map(_is_read, inside[1:]))
    if kind is typing.Literal:
        return not any(isinstance(part, bytes | Enum) for part in inside)
    if any(kind is container for container in (*UNIONS, *_LISTS)):
        return all(is_plain(part, outer) for part in inside)
    if any(kind is container for container in _DICTS):
        return not inside or (_is_text(inside[0]) and is_plain(inside[1], outer))
    return False


def _behind(annotation: object) -> object:
    """Return the type behind a NewType or a `type` statement, None for other types."""
    if isinstance(annotation, typing.NewType):
        return annotation.__supertype__
    alias = type(annotation).__name__ == "TypeAliasType"  # of typing, from 3.12 on
    return getattr(annotation, "__value__", None) if alias else None


def _is_text(key: object) -> bool:
    behind = _behind(key)
    if behind is not None:
        return _is_text(behind)
    if typing.get_origin(key) is typing.Literal:
        return all(type(value) is str for value in typing.get_args(key))
    return key in (str, Any, object)


def _is_read(metadata: object) -> bool:
    """Whether pydantic may convert because of it."""
    is_pydantic = type(metadata).__module__.partition(".")[0] == "pydantic"
    return is_pydantic or hasattr(metadata, "__get_pydantic_core_schema__")


@cache
def are_plain(function: Callable[..., object]) -> bool:
    """Whether JSON keeps all parameters of a function, and its result, unchanged.

    Raises:
        InvalidOption: an annotation cannot be resolved.
    """
    return all(map(is_plain, resolved(function).values()))
