"""Checks the parameters of a submit, and returns the JSON that is stored of them.

It imports pydantic through `codecs`, with the first submit. No job process needs it.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from interlock.core.errors import InvalidParams
from interlock.core.json_limits import MAX_DEPTH, is_deeper, is_storable
from interlock.jobs import annotations
from interlock.jobs.annotations import Misfit
from interlock.jobs.codecs import UNSTORABLE, Slot, codec

MAX_BYTES: Final = 1024 * 1024  # of the JSON text
_TOO_LONG: Final = 12  # characters of ASCII that one of JSON can become
_QUOTES: Final = "'\""
_encode: Final = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode


def encoded(
    name: str,
    function: Callable[..., object],
    params: Mapping[str, object],
    *,
    secret: Iterable[str] = (),
) -> dict[str, object]:
    """Check the parameters of a job, and return them as JSON, as they are stored.

    Types are strict: "5" is not an int. A value may have the annotated type, or its
    JSON form: "2026-01-01" is a date. Where the annotation is plain JSON, values that
    JSON would change (a tuple, an int as a key) are refused.

    Args:
        name: the name of the job, for the error.
        function: the job's function.
        params: the parameters by name.
        secret: names of parameters whose values must not be in the error.

    Raises:
        InvalidParams: with one line for each problem.
        InvalidOption: an annotation cannot be used.
    """
    codec_of_job = codec(function)
    converted: dict[str, object] = {}
    problems = []
    extra = [key for key in params if key not in codec_of_job.slots]
    for key in (*codec_of_job.slots, *extra):  # in the order of the signature
        if key not in params:
            problems += [f"{key} is missing"] if key in codec_of_job.required else []
            continue
        slot = codec_of_job.slot(key) if _is_name(key) else None
        if slot is None:
            problems.append(f"{ascii(key).strip(_QUOTES)} is unexpected")
            continue
        try:
            converted[key] = slot.to_json(params[key])
        except Misfit as error:
            why = _messages(slot, params[key], error, is_secret=key in secret)
            problems += [f"{key}{line}" for line in why]
    if problems:
        raise InvalidParams(name, problems)
    return storable(name, converted, secret=secret)


def storable(
    name: str, params: dict[str, object], *, secret: Iterable[str] = ()
) -> dict[str, object]:
    """Return parameters as JSON. Raises InvalidParams: JSON cannot keep them."""
    stored = _carried(params)
    if stored is None:
        raise InvalidParams(name, _not_json(params, frozenset(secret)))
    return stored


def _is_name(key: object) -> bool:
    return isinstance(key, str)


def _messages(
    slot: Slot, value: object, error: Misfit, *, is_secret: bool
) -> tuple[str, ...]:
    if is_secret:  # a validator may have put the value into its words
        return (
            f": it does not fit its annotation {annotations.shown(slot.annotation)}",
        )
    return error.problems if _is_storable(value) else (f": {UNSTORABLE}",)


def _is_storable(value: object) -> bool:
    try:
        return is_storable(json.dumps(value, ensure_ascii=False, default=str))
    except (TypeError, ValueError, RecursionError):
        return True  # something else is wrong with it


def _carried(params: dict[str, object]) -> dict[str, object] | None:
    """Return the parameters as JSON carries them, None if it would change them."""
    try:
        text = _encode(params)
        carried: dict[str, object] = json.loads(text)
        if carried != params or not is_storable(text):
            return None
    except (TypeError, ValueError, RecursionError):
        return None
    if any(is_deeper(v) for v in carried.values() if isinstance(v, dict | list)):
        return None
    is_long = len(text) * _TOO_LONG > MAX_BYTES
    return None if is_long and len(json.dumps(carried)) > MAX_BYTES else carried


def _not_json(params: dict[str, object], secret: frozenset[str]) -> list[str]:
    """Return why JSON does not carry them, a line each."""
    problems = []
    for name, value in params.items():
        try:
            text = json.dumps({name: value}, allow_nan=False, ensure_ascii=False)
            is_unchanged = json.loads(text) == {name: value}
        except (TypeError, ValueError, RecursionError) as error:
            why = "" if name in secret else f": {error}"
            problems.append(f"{name} is not JSON{why}")
            continue
        if not is_storable(text):
            problems.append(f"{ascii(name).strip(_QUOTES)}: {UNSTORABLE}")
        elif is_deeper(value):
            problems.append(f"{name}: it is nested deeper than {MAX_DEPTH} levels")
        elif not is_unchanged:
            kind = type(value).__name__
            problems.append(f"{name}: JSON would change this {kind} or what is in it")
    return problems or [f"they are larger than {MAX_BYTES} bytes of JSON"]
