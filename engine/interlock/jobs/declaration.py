"""Checks of `@job`: refuses functions that workers cannot call, and wrong options."""

import functools
import inspect
import re
from collections.abc import Callable, Collection, Mapping
from typing import Final, Literal, get_args

from interlock.core.errors import InvalidOption
from interlock.core.limits import check_concurrency, check_parameters, placeholders
from interlock.core.schedule import Schedule
from interlock.jobs.annotations import (
    has_names,
    impossible,
    is_plain,
    refusal,
    signature,
    written,
)

Isolation = Literal["process", "fork", "interpreter"]
LIMITS: Final = (
    "memory_mb",
    "processes",
    "address_space_mb",
    "cpu_s",
    "file_mb",
    "open_files",
)
_DOTTED: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*")
_MAX_NAME: Final = 200
_VARIABLE: Final = re.compile(r"[^=*\x00\ud800-\udfff]+")  # environ(7); no pattern
_OWN: Final = "INTERLOCK_"
_USER: Final = re.compile(r"[^:\x00\ud800-\udfff]+")  # passwd(5)
_A_FUNCTION: Final = "a function at the top level of a module"
_BY_NAME: Final = (
    inspect.Parameter.POSITIONAL_OR_KEYWORD,
    inspect.Parameter.KEYWORD_ONLY,
    inspect.Parameter.VAR_KEYWORD,
)


def check_name(name: object) -> None:
    """Check the name of a job. Raises InvalidOption."""
    fits = isinstance(name, str) and len(name) <= _MAX_NAME and _DOTTED.fullmatch(name)
    if name is not None and not fits:
        allowed = (
            "a dotted identifier such as 'photos.thumbnails', up to "
            f"{_MAX_NAME} characters"
        )
        raise InvalidOption("name", name, allowed)


def check_max_running(max_running: object) -> None:
    """Check `max_running`. Raises InvalidOption."""
    if max_running is not None and not _is_count(max_running):
        raise InvalidOption(
            "max_running", max_running, "a whole number, 1 or more, or None"
        )


def check_isolation(isolation: object) -> None:
    """Check `isolation`. Raises InvalidOption."""
    kinds = get_args(Isolation)
    if not isinstance(isolation, str) or isolation not in kinds:
        allowed = " or ".join(f'"{kind}"' for kind in kinds)
        raise InvalidOption("isolation", isolation, allowed)


def check_limits(limits: object) -> None:
    """Check `limits`. Raises InvalidOption."""
    if limits is None:
        return
    if not isinstance(limits, Mapping):
        allowed = f"a mapping, such as {{'{LIMITS[0]}': 500}}"
        raise InvalidOption("limits", limits, allowed)
    for name, value in limits.items():
        if name not in LIMITS:
            raise InvalidOption("limits", name, f"one of {', '.join(LIMITS)}")
        if not _is_count(value):
            allowed = "a whole number, 1 or more"
            raise InvalidOption(f"limits[{name!r}]", value, allowed)


def check_privileges(privileges: object) -> None:
    """Check `privileges`. Raises InvalidOption."""
    if not isinstance(privileges, bool):
        raise InvalidOption("privileges", privileges, "True or False")


def check_pass_env(pass_env: object, isolation: object) -> None:
    """Check `pass_env`. Raises InvalidOption."""
    if pass_env is None:
        return
    if isinstance(pass_env, str | bytes) or not isinstance(pass_env, Collection):
        allowed = 'a collection of names of variables, such as ["PATH", "HOME"]'
        raise InvalidOption("pass_env", pass_env, allowed)
    for name in pass_env:
        if not isinstance(name, str) or not _VARIABLE.fullmatch(name):
            allowed = "names of environment variables, without '=', '*' or NUL"
            raise InvalidOption("pass_env", name, allowed)
        if name.startswith(_OWN):
            allowed = (
                f"variables of your own: no {_OWN}* of the worker reaches a job, and "
                "what a job needs of them it always gets"
            )
            raise InvalidOption("pass_env", name, allowed)
    if isolation == "fork":
        message = (
            'pass_env is not possible with isolation="fork": a fork has all memory of '
            "the process that imported the jobs, with all variables in it. Leave "
            "isolation out; the job then runs in a fresh interpreter."
        )
        raise InvalidOption.because("pass_env", message)


def check_run_as(run_as: object) -> None:
    """Check `run_as`. Raises InvalidOption."""
    is_name = isinstance(run_as, str) and _USER.fullmatch(run_as)
    if run_as is not None and not is_name:
        raise InvalidOption("run_as", run_as, "the name of a user, or None")


def check_private_tmp(private_tmp: object) -> None:
    """Check `private_tmp`. Raises InvalidOption."""
    if not isinstance(private_tmp, bool):
        raise InvalidOption("private_tmp", private_tmp, "True or False")


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def check_secret(secret: object, function: object) -> None:
    """Check that `secret` names parameters of the function. Raises InvalidOption."""
    if isinstance(secret, str | bytes) or not isinstance(secret, Collection):
        allowed = f'a collection of parameter names, such as ("{secret}",)'
        if not isinstance(secret, str):
            allowed = 'a collection of parameter names, such as ("password",)'
        raise InvalidOption("secret", secret, allowed)
    parameters = signature(function).parameters.values()  # type: ignore[arg-type]  # checked
    if any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in parameters):
        return
    names = [parameter.name for parameter in parameters]
    for name in secret:
        if name not in names:
            listed = ", ".join(names) or "none: it has no parameters"
            raise InvalidOption(
                "secret", name, f"a parameter of the function ({listed})"
            )


def check_keys(
    concurrency: object, exclusive: object, secret: Collection[str], function: object
) -> tuple[str, ...] | None:
    """Check limits by keys; return the parameters by which a job is exclusive.

    Raises:
        InvalidOption: with the cause.
    """
    assert callable(function)  # noqa: S101  (for the type checker: it is a function)
    parameters = signature(function).parameters
    takes_any = any(
        p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters.values()
    )
    names = None if takes_any else list(parameters)
    check_concurrency(concurrency, names)
    used = [n for limit in concurrency for n in placeholders(limit.key)]  # type: ignore[attr-defined]  # it was checked
    excluding: tuple[str, ...] | None = None
    if exclusive is True:
        excluding = tuple(n for n in parameters if n not in secret)
    elif exclusive is not False:
        is_text = isinstance(exclusive, str)
        if is_text or not isinstance(exclusive, Collection) or not exclusive:
            allowed = 'True, False or names of parameters, such as ["model"]'
            raise InvalidOption("exclusive", exclusive, allowed)
        check_parameters("exclusive", exclusive, names)
        excluding = tuple(exclusive)
        used += exclusive
    for name in used:
        if name in secret:
            allowed = "parameters that are not secret: keys are shown to everybody"
            raise InvalidOption("concurrency", name, allowed)
    return excluding


def check_fairness(template: object, secret: Collection[str], function: object) -> None:
    """Check a fairness key. Raises InvalidOption."""
    if template is None:
        return
    assert callable(function)  # noqa: S101  (for the type checker: it is a function)
    if not isinstance(template, str) or not placeholders(template):
        allowed = 'names of parameters in braces, such as "{tenant}"'
        raise InvalidOption("fairness_key", template, allowed)
    kinds = {p.kind for p in signature(function).parameters.values()}
    takes_any = inspect.Parameter.VAR_KEYWORD in kinds
    names = None if takes_any else list(signature(function).parameters)
    check_parameters("fairness_key", placeholders(template), names)
    for name in placeholders(template):
        if name in secret:
            allowed = "parameters that are not secret: keys are shown to everybody"
            raise InvalidOption("fairness_key", name, allowed)


def check_schedule(schedule: object, function: object, name: str) -> None:
    """Check that a schedule gives what the function needs. Raises InvalidOption."""
    if schedule is None:
        return
    if not isinstance(schedule, Schedule):
        allowed = 'a Schedule, such as Schedule(cron="0 2 * * *")'
        raise InvalidOption("schedule", schedule, allowed)
    parameters = signature(function).parameters.values()  # type: ignore[arg-type]  # checked
    missing = [
        parameter.name
        for parameter in parameters
        if parameter.default is parameter.empty
        and parameter.kind is not parameter.VAR_KEYWORD
        and parameter.name not in schedule.params
    ]
    if missing:
        message = (
            f"The schedule of job {name} gives no value for {', '.join(missing)}. Add "
            f"params={{{missing[0]!r}: ...}} to its Schedule, or a default to the "
            "function. Nothing was declared."
        )
        raise InvalidOption.because("schedule", message)


def check_function(function: object) -> None:
    """Refuse a function that a worker cannot import, or cannot call with parameters.

    Raises:
        InvalidOption: with the cause.
    """
    wrong = _no_function(function)
    if wrong is not None:
        name = getattr(function, "__qualname__", None) or repr(function)
        raise InvalidOption("function", name, wrong)
    assert callable(function)  # noqa: S101  (for the type checker: it is a function)
    for parameter in signature(function).parameters.values():
        if parameter.kind not in _BY_NAME:
            star = "*" if parameter.kind is inspect.Parameter.VAR_POSITIONAL else ""
            allowed = (
                "a parameter that can be passed by name: parameters are stored by name"
            )
            raise InvalidOption("parameter", f"{star}{parameter.name}", allowed)
    for name, annotation in written(function).items():
        if not has_names(annotation):  # else it is resolved at the first use
            _check_annotation(function, name, annotation)


def _check_annotation(function: object, name: str, annotation: object) -> None:
    assert callable(function)  # noqa: S101  (for the type checker)
    kind = impossible(annotation)
    if kind is not None:
        allowed = f"a type that JSON can carry: a {kind} cannot be stored"
        raise refusal(function, name, annotation, allowed)
    if not is_plain(annotation):
        from interlock.jobs.codecs import refuse_unknown  # noqa: PLC0415  (pydantic)

        refuse_unknown(function, name, annotation)


def _no_function(function: object) -> str | None:  # noqa: C901, PLR0911  (a line each)
    """Return what to use instead, None if the function can be a job."""
    if isinstance(function, str):
        return f"{_A_FUNCTION}; write the name as @job(name={function!r})"
    if isinstance(function, functools.partial):
        return f"{_A_FUNCTION}: define one that makes the call of this partial"
    if isinstance(function, staticmethod | classmethod):
        return f"{_A_FUNCTION}: move it out of the class"
    if inspect.isclass(function):
        return f"{_A_FUNCTION}, not a class: define one that creates the object"
    if inspect.isbuiltin(function):
        return f"{_A_FUNCTION}, written in Python: define one that calls the builtin"
    if inspect.ismethod(function):
        return f"{_A_FUNCTION}: a worker has no object to call this method on"
    if not inspect.isfunction(function):
        return f"{_A_FUNCTION}, not an object of type {type(function).__name__}"
    if function.__name__ == "<lambda>":
        return f"{_A_FUNCTION}: a worker cannot find a lambda by name; use def"
    if "<locals>" in function.__qualname__:
        return f"{_A_FUNCTION}: a worker cannot find one inside another function"
    if "." in function.__qualname__:
        return f"{_A_FUNCTION}: a worker has no object to call this method on"
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        return f"{_A_FUNCTION} that returns a result: return a list, do not yield"
    return None


def shared_parameters(
    finalizer: Callable[..., object], function: Callable[..., object]
) -> list[str]:
    """Return the parameters that a finalizer gets of its job.

    Raises:
        InvalidOption: it needs one that the job does not have.
    """
    theirs = signature(function).parameters
    takes_any = any(p.kind is inspect.Parameter.VAR_KEYWORD for p in theirs.values())
    wanted = [
        parameter
        for parameter in signature(finalizer).parameters.values()
        if parameter.kind in _BY_NAME
    ]
    for parameter in wanted:
        is_known = takes_any or parameter.name in theirs
        if not is_known and parameter.default is inspect.Parameter.empty:
            allowed = (
                "a function whose parameters the job has too; the job has no "
                f"{parameter.name!r}"
            )
            raise InvalidOption("finalizer", finalizer, allowed)
    return [each.name for each in wanted if takes_any or each.name in theirs]
