"""Parameters against a job's signature, by pydantic, before anything is stored.

The one module of the engine that knows pydantic; it is imported with the first submit,
and never by the process of a job.
"""

import inspect
import json
import re
from collections.abc import Mapping
from functools import cache

from pydantic import BaseModel, ConfigDict, ValidationError, create_model
from pydantic.errors import PydanticUserError

from interlock.errors import InvalidParams
from interlock.registry import JobFunction
from interlock.shape import is_deeper

MAX_BYTES = 1024 * 1024  # of the JSON text
_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")


def checked(
    job: JobFunction[..., object], params: Mapping[str, object]
) -> dict[str, object]:
    """Return `params` as they are stored: exactly what was given, known to fit.

    Names and types must fit the signature, strictly: "5" is no int. What JSON would
    change on the way (a tuple, a Path, an int as a key) is refused, not converted.

    Raises:
        InvalidParams: one line for each problem.
    """
    given = dict(params)
    problems = _misfits(job, given) or _not_json(given)
    if problems:
        raise InvalidParams(job.name, problems)
    return given


def _misfits(job: JobFunction[..., object], given: dict[str, object]) -> list[str]:
    try:
        _model(job.function).model_validate(given)
    except ValidationError as error:
        return [_say(e["loc"], e["type"], e["msg"]) for e in error.errors()]
    return []


def _say(where: tuple[int | str, ...], kind: str, message: str) -> str:
    name = ".".join(str(part) for part in where)
    match kind:
        case "missing":
            return f"{name} is missing"
        case "extra_forbidden":
            return f"{name} is unexpected"
        case _:
            pass
    return f"{name}: {message[0].lower()}{message[1:]}"


@cache
def _model(function: object) -> type[BaseModel]:
    assert callable(function)  # noqa: S101  (for the type checker)
    fields: dict[str, object] = {}
    extra: str = "forbid"
    for parameter in inspect.signature(function, eval_str=True).parameters.values():
        if parameter.kind is inspect.Parameter.VAR_KEYWORD:
            extra = "allow"
            continue
        empty = inspect.Parameter.empty
        kind = object if parameter.annotation is empty else parameter.annotation
        default = ... if parameter.default is empty else parameter.default
        fields[parameter.name] = (kind, default)
    config = ConfigDict(strict=True, extra=extra, protected_namespaces=())  # type: ignore[typeddict-item]  # one of two literals
    try:
        return create_model("Params", __config__=config, **fields)  # type: ignore[call-overload,no-any-return]  # fields by name
    except PydanticUserError as error:
        name = getattr(function, "__qualname__", "function")
        raise InvalidParams(
            name, [f"its annotations cannot be checked: {error}"]
        ) from error


def _not_json(given: dict[str, object]) -> list[str]:
    problems = []
    for name, value in given.items():
        try:
            text = json.dumps(value, allow_nan=False, ensure_ascii=False)
            text.encode()  # a lone surrogate is no text
            same = json.loads(text) == value and not is_deeper(value)
        except (TypeError, ValueError, RecursionError) as error:
            problems.append(f"{name} is not JSON: {error}")
            continue
        if not same:
            kind = type(value).__name__
            problems.append(f"{name}: {kind} does not survive JSON as it is")
        elif _NUL.search(text):
            problems.append(f"{name}: the NUL character cannot be stored")
    if not problems and len(json.dumps(given)) > MAX_BYTES:
        problems.append(f"they are larger than {MAX_BYTES} bytes of JSON")
    return problems
