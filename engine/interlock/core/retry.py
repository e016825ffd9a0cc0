"""The retry policy: which errors are retried, how often, and after which delay."""

import builtins
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from interlock.core.errors import PACKAGE, InvalidOption

if TYPE_CHECKING:  # it has a hook that every fork of a job would run
    from random import Random


MAX_SECONDS = 10 * 365 * 86_400.0  # ten years: every clock can add it
_YEAR_S = 365 * 86_400.0
_MAX_NAME = 500
_MAX_TABLE = 100
_ONCE: Final = frozenset({"interlock.errors", "interlock.retry", "interlock.context"})
#: The script that declares jobs, as workers import it; multiprocessing does the same.
#: Its classes are those of `__main__`.
MAIN: Final = "__mp_main__"


class TransientError(Exception):
    """Raise it in a job to ask for another attempt, if `Retry` allows one more.

    Args:
        args: the message.
        delay: seconds until the next attempt, such as a server's `Retry-After`; 0 to
            ten years. None: as the job's `Retry` says.

    Raises:
        InvalidOption: `delay` is out of its range.
    """

    __module__ = PACKAGE

    def __init__(self, *args: object, delay: float | None = None) -> None:
        super().__init__(*args)
        if delay is not None:
            _check_seconds("delay", delay)
        self.delay = delay


class Snooze(Exception):
    """Raise it in a job to run it again later: it goes back to PENDING.

    It is no failure and spends no retry. The next attempt runs the function from the
    beginning.

    Args:
        seconds: until the next attempt; 0 to a year.

    Raises:
        InvalidOption: `seconds` is out of its range.
    """

    __module__ = PACKAGE

    def __init__(self, seconds: float) -> None:
        value: object = seconds
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or not 0 <= seconds <= _YEAR_S:
            allowed = "a number of seconds from 0 to 31,536,000 (a year)"
            raise InvalidOption("seconds", seconds, allowed)
        super().__init__(f"asked to go on in {seconds:g} s")
        self.seconds = float(seconds)


class PermanentError(Exception):
    """Raise it in a job to fail it for good: it is never retried."""

    __module__ = PACKAGE


def type_name(kind: type[BaseException]) -> str:
    """Return the dotted name under which a policy stores an exception class."""
    module = "__main__" if kind.__module__ == MAIN else kind.__module__
    return f"{module}.{kind.__qualname__}"


Kinds = type[BaseException] | str | tuple[type[BaseException] | str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """How often a job is attempted, and after which errors.

    `on` and `never_on` apply to exceptions of the function. An exit code, a signal or a
    bad result is never retried.

    Args:
        max_attempts: number of attempts, including the first one; 1 to 1000.
        on: one exception class, or several, to retry, including their subclasses. A
            text is a dotted name or the name of a builtin. None: every `Exception`;
            (): none. `TransientError` is always retried.
        never_on: exceptions not to retry, even if `on` has them. `PermanentError` is
            never retried.
        backoff: seconds before the second attempt; doubles each time. Full jitter: the
            delay is uniform between 0 and that bound (Brooker, "Exponential Backoff
            And Jitter", 2015). Or a table, such as (1, 10, 60): the delays after the
            first failure, the second, ..., exactly; the last one goes on. 1 to 100.
        max_backoff: upper bound of the delay in seconds, without a table; all at most
            ten years.
        on_timeout: whether to retry after a timeout.

    Raises:
        InvalidOption: a value is out of its range.
    """

    max_attempts: int = 1
    on: Kinds | None = None
    never_on: Kinds = ()
    backoff: float | Sequence[float] = 1.0
    max_backoff: float = 300.0
    on_timeout: bool = False

    def __post_init__(self) -> None:
        value: object = self.max_attempts
        whole = isinstance(value, int) and not isinstance(value, bool)
        if not whole or not 1 <= self.max_attempts <= 1000:  # noqa: PLR2004  (documented above)
            allowed = "a whole number from 1 to 1000"
            raise InvalidOption("max_attempts", value, allowed)
        if isinstance(self.backoff, list | tuple):
            object.__setattr__(self, "backoff", _table(self.backoff))
        else:
            _check_seconds("backoff", self.backoff)
        _check_seconds("max_backoff", self.max_backoff)
        value = self.on_timeout
        if not isinstance(value, bool):
            raise InvalidOption("on_timeout", value, "True or False")
        if self.on is not None:
            object.__setattr__(self, "on", _names("on", self.on))
        object.__setattr__(self, "never_on", _names("never_on", self.never_on))

    def to_json(self) -> dict[str, object]:
        """Return the policy as JSON values, for `from_json`."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}

    @staticmethod
    def from_json(stored: Mapping[str, Any]) -> "Retry":
        """Return a stored policy; an earlier version may have stored it.

        Earlier versions accepted any name. A name without a dot that is not a builtin
        never matched, so it is dropped.
        """
        fields = [
            (n, tuple(v) if isinstance(v, list) else v) for n, v in stored.items()
        ]
        return _stored(tuple(fields))

    def covers(self, error: BaseException) -> bool:
        """Whether `error` is retried."""
        names = {type_name(kind) for kind in type(error).__mro__}
        if isinstance(error, PermanentError) or not names.isdisjoint(self.never_on):  # type: ignore[arg-type]  # names by now
            return False
        if isinstance(error, TransientError):
            return True
        if self.on is None:
            return isinstance(error, Exception)
        return not names.isdisjoint(self.on)  # type: ignore[arg-type]  # names by now

    def delay_s(self, failures: int, rng: "Random") -> float:
        """Return the seconds to wait after the `failures`-th failure (from 1)."""
        if not isinstance(self.backoff, int | float):
            return self.backoff[min(failures, len(self.backoff)) - 1]
        exponent = min(failures - 1, 64)  # 2**64 s is beyond every max_backoff
        return rng.uniform(0, min(self.max_backoff, self.backoff * 2.0**exponent))


def _check_seconds(option: str, value: object) -> None:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not 0 <= value <= MAX_SECONDS:  # type: ignore[operator]  # it is a number
        allowed = "a number of seconds, 0 or more, at most ten years"
        raise InvalidOption(option, value, allowed)


def _table(delays: Sequence[float]) -> tuple[float, ...]:
    """Return a table of delays. Raises InvalidOption."""
    if not 1 <= len(delays) <= _MAX_TABLE:
        allowed = f"a number of seconds, or 1 to {_MAX_TABLE} of them"
        raise InvalidOption("backoff", delays, allowed)
    for delay in delays:
        _check_seconds("backoff", delay)
    return tuple(delays)


@lru_cache(maxsize=256)  # a worker reads the few policies of its jobs all the time
def _stored(fields: tuple[tuple[str, Any], ...]) -> Retry:
    stored = dict(fields)
    for option in ("on", "never_on"):
        if stored.get(option) is not None:
            names = map(_today, stored[option])
            stored[option] = tuple(n for n in names if "." in n or _is_builtin(n))
    return Retry(**stored)


def _today(name: str) -> str:
    """Return today's name of one of our exceptions, for a name of version 0.1.0."""
    module, _, last = name.rpartition(".")
    return f"{PACKAGE}.{last}" if module in _ONCE else name


def _names(option: str, value: object) -> tuple[str, ...]:
    """Return exception classes by their dotted names. Raises InvalidOption."""
    kinds = value if isinstance(value, tuple | list) else [value]
    return tuple(_name(option, kind) for kind in kinds)


def _name(option: str, kind: object) -> str:
    if isinstance(kind, type) and issubclass(kind, BaseException):
        return type_name(kind)
    if not isinstance(kind, str):
        allowed = "exception classes, or their names"
        raise InvalidOption(option, kind, allowed)
    name = kind if "." in kind else f"builtins.{kind}"
    if "." not in kind and not _is_builtin(kind):
        allowed = (
            "a class, a dotted name such as 'photos.BadImage', or the name of a "
            "builtin exception"
        )
        raise InvalidOption(option, kind, allowed)
    if not name.isprintable() or len(name) > _MAX_NAME:
        allowed = f"names of up to {_MAX_NAME} printable characters"
        raise InvalidOption(option, kind, allowed)
    return name


def _is_builtin(name: str) -> bool:
    kind = getattr(builtins, name, None)
    return isinstance(kind, type) and issubclass(kind, BaseException)
