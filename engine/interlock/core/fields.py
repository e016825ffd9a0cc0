"""Values of the engine from the JSON or the rows they were stored in, by their fields.

A field is declared once, in its dataclass; what reads it follows from its type. Readers
are open to newer versions: fields that this version does not know are left out, and a
reason, an event or a proof that it does not know stays the text that it is.
"""

from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime
from enum import StrEnum
from functools import cache, partial
from types import UnionType
from typing import Any, Final, TypeVar, get_args, get_origin, get_type_hints

from interlock.core.lifecycle import JobStatus
from interlock.core.retry import Retry

T = TypeVar("T")
E = TypeVar("E", bound=StrEnum)
Reader = Callable[[Any], Any]
#: A newer version may know more of all others; the statuses are fixed for ever.
_CLOSED: Final = (JobStatus,)


def member(kind: type[E], text: str) -> E:
    """Return the member of an enum, or one that stands for a text of a newer version.

    It compares and prints as the text, and is in no list of the members.
    """
    try:
        return kind(text)
    except ValueError:
        if kind in _CLOSED or not isinstance(text, str):
            raise
        unknown = str.__new__(kind, text)
        unknown._name_ = unknown._value_ = text
        return unknown


def read(kind: type[T], stored: Mapping[Any, Any], *, in_json: bool = True) -> T:
    """Return a value of a dataclass from the JSON that `jobs.serialize` made of it.

    Args:
        kind: the dataclass.
        stored: its fields by name; those that are missing have their defaults.
        in_json: moments are ISO 8601 text; False: they are datetimes already.

    Raises:
        ValueError, TypeError: a value is none of its field, or a field is missing.
    """
    values = {}
    for name, reader in readers(kind, in_json=in_json).items():  # type: ignore[arg-type]  # a class has a hash
        if name not in stored:  # an older version has stored it
            continue
        value = stored[name]
        values[name] = value if value is None or reader is None else reader(value)
    return kind(**values)


@cache
def readers(kind: type, *, in_json: bool = True) -> dict[str, Reader | None]:
    """Return what reads each field of a dataclass, None if it is taken as it is."""
    hints = get_type_hints(kind)
    return {
        field.name: _reader(_without_none(hints[field.name]), in_json=in_json)
        for field in fields(kind)
    }


def _without_none(hint: Any) -> Any:
    if isinstance(hint, UnionType):
        kinds = [kind for kind in get_args(hint) if kind is not type(None)]
        return kinds[0] if len(kinds) == 1 else hint
    return hint


def _reader(hint: Any, *, in_json: bool) -> Reader | None:
    if get_origin(hint) is tuple:
        return tuple
    reader: Reader | None = None
    if hint is datetime and in_json:
        reader = datetime.fromisoformat
    elif hint is Retry:
        reader = Retry.from_json
    elif isinstance(hint, type) and issubclass(hint, StrEnum):
        reader = partial(member, hint)
    elif isinstance(hint, type) and is_dataclass(hint):
        reader = partial(read, hint, in_json=in_json)
    return reader
