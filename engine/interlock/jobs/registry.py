"""`@job`, and the registry of job functions by name.

One file, because the decorator, the `JobFunction` that it returns and the registry that
it fills need each other.
"""

import importlib
import inspect
import re
import sys
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from types import ModuleType
from typing import (
    TYPE_CHECKING,
    Any,
    Generic,
    Literal,
    ParamSpec,
    TypeVar,
    Unpack,
    overload,
)

from interlock.core.errors import (
    InterlockError,
    InvalidOption,
    InvalidParams,
    NotGuarded,
    UnknownJobName,
)
from interlock.core.limits import Limit
from interlock.core.retention import read as check_retention
from interlock.core.retry import MAIN as MAIN  # noqa: PLC0414  (whoever imports it for jobs)
from interlock.core.retry import Retry
from interlock.core.schedule import Schedule
from interlock.jobs import declaration, unique_keys
from interlock.jobs import options as opts
from interlock.jobs.annotations import are_plain, signature
from interlock.jobs.call import Call
from interlock.jobs.declaration import Isolation
from interlock.jobs.options import OnConflict, Options

if TYPE_CHECKING:
    from interlock.jobs.codecs import Codec

WhenFull = Literal["wait", "cancel_new", "replace", "raise"]
P = ParamSpec("P")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)
_BY_POSITION = inspect.Parameter.POSITIONAL_OR_KEYWORD


@dataclass(frozen=True, kw_only=True)
class JobFunction(Generic[P, R_co]):
    """A function with `@job`. Calling it runs it here, like any function."""

    function: Callable[P, R_co] = field(repr=False)
    name: str
    defaults: Options = field(default_factory=Options)
    max_running: int | None = None
    isolation: Isolation = "process"
    limits: Mapping[str, int] = field(default_factory=dict[str, int])
    secret: frozenset[str] = frozenset()
    privileges: bool = False
    pass_env: tuple[str, ...] | None = None
    concurrency: tuple[Limit, ...] = ()
    exclusive: tuple[str, ...] | None = None  # the names of parameters
    fairness_key: str | None = None
    retention: Mapping[str, str | int] = field(default_factory=dict[str, str | int])
    run_as: str | None = None
    private_tmp: bool = False
    schedule: Schedule | None = None
    finalizer: Mapping[str, object] | None = None  # as a job stores it

    def __call__(self, /, *args: P.args, **kwargs: P.kwargs) -> R_co:
        """Run the function here and now."""
        return self.function(*args, **kwargs)

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle as a function is pickled: by the name that it has in its module."""
        function = inspect.unwrap(self.function)
        return _unpickled, (function.__module__, function.__qualname__, self.defaults)

    def options(self, **options: Unpack[Options]) -> "JobFunction[P, R_co]":
        """Return this job with other options, to hand to `Engine.submit`.

        Raises:
            InvalidOption: an option is out of its range.
        """
        opts.check(options)
        changed = replace(self, defaults={**self.defaults, **options})
        changed.check_unique()
        return changed

    def check_unique(self) -> None:
        """Check that a unique key can be made of its parameters.

        Raises:
            InvalidOption: `unique` names one that does not exist, or is secret.
        """
        unique = self.defaults.get("unique")
        unique_keys.check_names(unique, self._parameters(), self.secret)

    def _parameters(self) -> list[str] | None:
        """Return the names of its parameters, None if it takes any."""
        parameters = signature(self.function).parameters.values()
        if any(each.kind is inspect.Parameter.VAR_KEYWORD for each in parameters):
            return None
        return [each.name for each in parameters]

    def defaults_of_parameters(self) -> dict[str, object]:
        """Return the defaults of the function's parameters, as JSON where they fit."""
        from interlock.jobs.codecs import codec  # noqa: PLC0415  (pydantic: where it is needed)

        return codec(self.function).defaults()

    def call(self, /, *args: P.args, **kwargs: P.kwargs) -> "Call[R_co]":
        """Return one call of this job, for `Engine.submit_many`.

        Raises:
            InvalidParams: as `bound`.
        """
        return Call(job=self, params=self.bound(*args, **kwargs))

    def bound(self, /, *args: object, **kwargs: object) -> dict[str, object]:
        """Return the arguments by name; their types are checked at the submit.

        Raises:
            InvalidParams: too many positional arguments, or one is given twice.
        """
        names = _names(self.function)
        problems = [
            f"got multiple values for argument {name!r}"
            for name, _ in zip(names, args, strict=False)
            if name in kwargs
        ]
        if len(args) > len(names):
            takes = f"{len(names)} positional argument{'s'[: len(names) != 1]}"
            were = "was" if len(args) == 1 else "were"
            problems.append(f"it takes {takes} but {len(args)} {were} given")
        if problems:
            raise InvalidParams(self.name, problems)
        return {**dict(zip(names, args, strict=False)), **kwargs}


def _unpickled(module: str, name: str, defaults: Options) -> JobFunction[..., object]:
    """Return the job function that `JobFunction.__reduce__` names."""
    job_function = getattr(importlib.import_module(module), name)
    if not isinstance(job_function, JobFunction):
        raise InterlockError(f"{module}.{name} is no longer a job: it was replaced.")
    return replace(job_function, defaults=defaults)


@cache
def _names(function: Callable[..., object]) -> list[str]:
    """Return the parameters that may be given by position."""
    parameters = signature(function).parameters.values()
    return [
        parameter.name for parameter in parameters if parameter.kind is _BY_POSITION
    ]


@cache
def codec_of(function: Callable[..., object]) -> "Codec | None":
    """Return the codec of a function's parameters and result.

    None if they are plain JSON: then nothing is imported or converted.

    Raises:
        InvalidOption: an annotation cannot be used.
    """
    if are_plain(function):
        return None
    from interlock.jobs.codecs import codec  # noqa: PLC0415  (pydantic: where it is needed)

    return codec(function)


def prepare() -> None:
    """Build the codecs of all registered jobs.

    Raises:
        InvalidOption: an annotation of one cannot be used.
    """
    for job_function in registered().values():
        codec_of(job_function.function)


_registered: dict[str, JobFunction[..., object]] = {}
_is_importing = False


@overload
def job(function: Callable[P, R], /) -> JobFunction[P, R]: ...
@overload
def job(
    *,
    name: str | None = None,
    timeout: float | None = None,
    grace: float = 2.0,
    queue: str = "default",
    priority: int = 0,
    retry: Retry | None = None,
    max_running: int | None = None,
    max_losses: int = 5,
    deadline: float | None = None,
    stalled_after: float | None = None,
    unique: bool | Sequence[str] = False,
    unique_for: float | None = None,
    on_conflict: OnConflict = "raise",
    isolation: Isolation = "process",
    limits: Mapping[str, int] | None = None,
    secret: Collection[str] = (),
    privileges: bool = False,
    pass_env: Collection[str] | None = None,
    concurrency: Sequence[Limit] = (),
    exclusive: bool | Collection[str] = False,
    when_full: WhenFull = "wait",
    fairness_key: str | None = None,
    aging: float | None = None,
    retention: Mapping[str, str | int] | None = None,
    run_as: str | None = None,
    private_tmp: bool = False,
    schedule: Schedule | None = None,
    finalizer: Callable[..., object] | None = None,
) -> Callable[[Callable[P, R]], JobFunction[P, R]]: ...
def job(
    function: Callable[P, R] | None = None,
    /,
    *,
    name: str | None = None,
    timeout: float | None = None,
    grace: float = 2.0,
    queue: str = "default",
    priority: int = 0,
    retry: Retry | None = None,
    max_running: int | None = None,
    max_losses: int = 5,
    deadline: float | None = None,
    stalled_after: float | None = None,
    unique: bool | Sequence[str] = False,
    unique_for: float | None = None,
    on_conflict: OnConflict = "raise",
    isolation: Isolation = "process",
    limits: Mapping[str, int] | None = None,
    secret: Collection[str] = (),
    privileges: bool = False,
    pass_env: Collection[str] | None = None,
    concurrency: Sequence[Limit] = (),
    exclusive: bool | Collection[str] = False,
    when_full: WhenFull = "wait",
    fairness_key: str | None = None,
    aging: float | None = None,
    retention: Mapping[str, str | int] | None = None,
    run_as: str | None = None,
    private_tmp: bool = False,
    schedule: Schedule | None = None,
    finalizer: Callable[..., object] | None = None,
) -> JobFunction[P, R] | Callable[[Callable[P, R]], JobFunction[P, R]]:
    """Make a module-level function a job: `@job`, or with options `@job(...)`.

    Args:
        function: the function, when `@job` is used without parentheses.
        name: a dotted identifier, stored with each job; `module.function` if None.
        timeout: seconds that an attempt may run, including its start; None: no limit.
        grace: seconds between SIGTERM and SIGKILL.
        queue: the queue in which its jobs wait.
        priority: higher priorities start first.
        retry: the retry policy; None: one attempt.
        max_running: how many may run at once, over all workers; None: any number.
        max_losses: how many lost attempts make the job FAILED(lost).
        deadline: seconds after run_at for all attempts together; None: no limit.
        stalled_after: seconds without a report of progress, after which an attempt is
            stopped as TIMEOUT; None: no limit.
        unique: True: at most one job with the same parameters that has not ended; a
            list: with the same values of these parameters.
        unique_for: seconds after the submit for which no other such job is stored, even
            if it has ended.
        on_conflict: what a submit does if there is one: see `Options`.
        isolation: "process" forks a prepared process, or starts a fresh Python if it
            cannot be forked. "fork" always forks; "interpreter" never does.
        limits: memory_mb and processes limit the whole process tree. The others are
            setrlimit(2) of each process: address_space_mb, cpu_s, file_mb, open_files.
        secret: names of parameters that lists, logs and pages do not show.
        privileges: True lets the job gain privileges (sudo, ping) and keep all
            capabilities of its worker. See docs/security.md.
        pass_env: names of the only environment variables that the job gets; None: all
            but Interlock's own. The job then runs in a fresh interpreter.
        concurrency: limits by keys of your own, which jobs of several names can share.
        exclusive: True: at most one runs with equal parameters; or names of parameters:
            at most one with equal values of these.
        when_full: where a limit is full, "wait", "cancel_new": CANCELED(full);
            "replace": cancel the oldest of the key, and start when it is dead; "raise":
            refuse the submit with LimitReached.
        fairness_key: such as "{tenant}", with names of parameters: jobs of one priority
            start by turns of its values.
        aging: seconds of waiting after which the priority is one higher, again and
            again; None: it stays.
        retention: how long or how many ended jobs are kept, by status, such as
            {"SUCCEEDED": "7d", "FAILED": 1000}; workers delete the others. None: all.
        run_as: the user of this machine whose rights the job has; None: the worker's.
            The worker must be root, or be this user.
        private_tmp: True gives the job an empty /tmp and /var/tmp of its own. The
            worker needs containment namespace.
        schedule: when workers submit the job by themselves; None: never.
        finalizer: a function, or a job, that runs in a process of its own after each
            attempt, when that is proved dead, and before the next one. It gets those of
            the job's parameters that it has. See docs/finalizers.md.

    Raises:
        InvalidOption: a value is out of its range, an annotation can never be stored,
            or a worker could not find or call the function.
    """
    defaults: Options = {
        "timeout": timeout,
        "grace": grace,
        "queue": queue,
        "priority": priority,
        "retry": Retry() if retry is None else retry,
        "max_losses": max_losses,
        "when_full": when_full,
        "aging": aging,
    }
    defaults |= _given(
        deadline=deadline,
        stalled_after=stalled_after,
        unique=unique,
        unique_for=unique_for,
        on_conflict=on_conflict,
    )
    opts.check(defaults)
    unique_keys.check_together(defaults)
    declaration.check_name(name)
    declaration.check_max_running(max_running)
    declaration.check_isolation(isolation)
    declaration.check_limits(limits)
    check_retention(retention)
    declaration.check_privileges(privileges)
    declaration.check_pass_env(pass_env, isolation)
    declaration.check_run_as(run_as)
    declaration.check_private_tmp(private_tmp)

    def register(function: Callable[P, R]) -> JobFunction[P, R]:
        declaration.check_function(function)
        declaration.check_secret(secret, function)
        excluding = declaration.check_keys(concurrency, exclusive, secret, function)
        declaration.check_fairness(fairness_key, secret, function)
        declaration.check_schedule(schedule, function, _name_of(function, name))
        its_name = _name_of(function, name)
        job_function: JobFunction[P, R] = JobFunction(
            function=function,
            name=its_name,
            defaults=defaults,
            max_running=max_running,
            isolation=isolation,
            limits=dict(limits or {}),
            secret=frozenset(secret),
            privileges=privileges,
            pass_env=None if pass_env is None else tuple(sorted(set(pass_env))),
            concurrency=tuple(concurrency),
            exclusive=excluding,
            fairness_key=fairness_key,
            retention=dict(retention or {}),
            run_as=run_as,
            private_tmp=private_tmp,
            schedule=schedule,
            finalizer=_finalizer(finalizer, function, its_name, secret),
        )
        job_function.check_unique()
        _refuse_taken(job_function)
        _refuse_other_limits(job_function)
        _registered[job_function.name] = job_function
        return job_function

    return register if function is None else register(function)


def _finalizer(
    wanted: Callable[..., object] | None,
    function: Callable[..., object],
    name: str,
    secret: Collection[str],
) -> Mapping[str, object] | None:
    """Register a finalizer; return it as jobs store it.

    Raises:
        InvalidOption: the job does not have a parameter that it needs.
    """
    if wanted is None:
        return None
    if not callable(wanted):
        raise InvalidOption("finalizer", wanted, "a function, or a function with @job")
    if not isinstance(wanted, JobFunction):
        parameters = declaration.shared_parameters(wanted, function)
        hidden = [each for each in secret if each in parameters]
        wanted = job(name=f"{name}.finalizer", secret=hidden)(wanted)
    parameters = declaration.shared_parameters(wanted.function, function)
    told = sorted(set(secret) & set(parameters) - wanted.secret)
    if told:
        allowed = f"a job that keeps {told[0]!r} secret too: @job(secret={told})"
        raise InvalidOption("finalizer", wanted.name, allowed)
    retry, timeout = wanted.defaults.get("retry"), wanted.defaults.get("timeout")
    return {
        "name": wanted.name,
        "params": parameters,
        "timeout_s": timeout,
        "grace_s": wanted.defaults.get("grace", 2.0),
        "retry": (retry or Retry()).to_json(),
        "max_losses": wanted.defaults.get("max_losses", 5),
    }


def _given(
    *,
    deadline: float | None,
    stalled_after: float | None,
    unique: bool | Sequence[str],
    unique_for: float | None,
    on_conflict: OnConflict,
) -> Options:
    """Return the options that are given: older clients do not know these."""
    given: Options = {}
    if deadline is not None:
        given["deadline"] = deadline
    if stalled_after is not None:
        given["stalled_after"] = stalled_after
    if unique is not False:
        given["unique"] = unique
    if unique_for is not None:
        given["unique_for"] = unique_for
    if on_conflict != "raise":
        given["on_conflict"] = on_conflict
    return given


def _name_of(function: Callable[..., object], name: str | None) -> str:
    if name is None:
        module = function.__module__
        if module in {"__main__", MAIN}:
            module = _main_name(sys.modules[module])
        name = f"{module}.{function.__name__}"
        declaration.check_name(name)
    return name


def _main_name(main: ModuleType) -> str:
    """Return the name of the main module: the module of `-m`, or the script's file."""
    spec = getattr(main, "__spec__", None)
    if spec is not None and spec.name != "__main__":
        name: str = spec.name
        return name
    path: str = getattr(main, "__file__", None) or "main"
    file = path.removesuffix("/__main__.py").rpartition("/")[2]
    return re.sub(r"\W", "_", file.rpartition(".")[0] or file)


def _refuse_taken(new: JobFunction[..., object]) -> None:
    """Refuse a name of another function. The same module may be imported again."""
    holder = _registered.get(new.name)
    if holder is not None and _origin(holder.function) != _origin(new.function):
        file, qualified_name = _origin(holder.function)
        raise InvalidOption(
            "name", new.name, f"another name: {qualified_name} in {file} has it"
        )


def _refuse_other_limits(new: JobFunction[..., object]) -> None:
    """Refuse a limit that another job declares with other values."""
    for other in _registered.values():
        for mine in new.concurrency:
            for theirs in other.concurrency:
                if other.name != new.name and not mine.is_same(theirs):
                    message = (
                        f"The jobs {other.name!r} and {new.name!r} declare the limit "
                        f"{mine.key!r} with different values: {theirs} and {mine}. "
                        "Declare it once, and give the same Limit to both."
                    )
                    raise InvalidOption.because("concurrency", message)


def _origin(function: Callable[..., object]) -> tuple[str, str]:
    code = inspect.unwrap(function).__code__
    return code.co_filename, function.__qualname__


@contextmanager
def importing() -> Iterator[None]:
    """Mark that modules are imported only to find their jobs: nothing may run."""
    global _is_importing  # noqa: PLW0603  (one for the process)
    _is_importing = True
    try:
        yield
    finally:
        _is_importing = False


def refuse_while_importing(action: str) -> None:
    """Refuse an action while a module is imported only to find its jobs.

    Args:
        action: such as "submits a job".

    Raises:
        NotGuarded: modules are being imported.
    """
    if _is_importing:
        raise NotGuarded(
            f"This module {action} when it is imported, and workers import it to find "
            "its jobs. Put that code under `if __name__ == '__main__':`. Nothing was "
            "stored or started."
        )


def called(
    job: JobFunction[..., object] | str,
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
) -> tuple[JobFunction[..., object], Mapping[str, object]]:
    """Return the job and the parameters of a submit's arguments.

    Raises:
        UnknownJobName: no job has the name.
        InvalidOption: `job` is neither a job function nor a name.
    """
    if isinstance(job, str):
        return find(job).options(**kwargs), args[0] if args else {}
    if isinstance(job, JobFunction):
        return job, job.bound(*args, **kwargs)
    raise InvalidOption("job", job, "a function with @job, or a job's name")


def find(name: str) -> JobFunction[..., object]:
    """Return the job of this name.

    Raises:
        UnknownJobName: none is registered.
    """
    try:
        return _registered[name]
    except KeyError:
        raise UnknownJobName(name, _registered) from None


def registered() -> dict[str, JobFunction[..., object]]:
    """Return every registered job by name."""
    return dict(_registered)
