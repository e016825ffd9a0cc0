"""When to try again: failures -> seconds, or None. Pure."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from interlock.errors import InvalidOption

if TYPE_CHECKING:  # it has a hook that every fork of a job would run
    from random import Random


MAX_SECONDS = 10 * 365 * 86_400.0  # ten years: every clock can add it
_MAX_NAME = 500


class TransientError(Exception):
    """Raise it in a job to say: this may pass, try again (within `Retry`'s budget)."""


def type_name(kind: type[BaseException]) -> str:
    """Return the dotted name by which a policy remembers an exception class."""
    return f"{kind.__module__}.{kind.__qualname__}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """How often a job is tried, and on which errors.

    Args:
        max_attempts: tries in all, the first one included; 1 to 1000.
        on: exception classes (or their dotted names) that are worth another try, their
            subclasses included. `TransientError` always is.
        backoff: seconds before the second try; doubles each time. Jitter is full: the
            delay is uniform between 0 and that bound (Brooker, "Exponential Backoff
            And Jitter", 2015).
        max_backoff: upper bound of the delay in seconds; both at most ten years.
        on_timeout: whether a timeout is worth another try.

    Raises:
        InvalidOption: a number is out of its range.
    """

    max_attempts: int = 1
    on: tuple[type[BaseException] | str, ...] = ()
    backoff: float = 1.0
    max_backoff: float = 300.0
    on_timeout: bool = False

    def __post_init__(self) -> None:
        if not 1 <= self.max_attempts <= 1000:  # noqa: PLR2004  (documented above)
            raise InvalidOption("max_attempts", self.max_attempts, "from 1 to 1000")
        for option in ("backoff", "max_backoff"):
            if not 0 <= getattr(self, option) <= MAX_SECONDS:
                allowed = "0 seconds or more, at most ten years"
                raise InvalidOption(option, getattr(self, option), allowed)
        given: object = self.on  # "OSError" would be seven names
        if not isinstance(given, tuple | list) or not all(
            isinstance(kind, type | str) for kind in given
        ):
            allowed = "a tuple of exception classes, or of their dotted names"
            raise InvalidOption("on", self.on, allowed)
        names = tuple(k if isinstance(k, str) else type_name(k) for k in self.on)
        if not all(name.isprintable() and len(name) <= _MAX_NAME for name in names):
            allowed = f"names of up to {_MAX_NAME} printable characters"
            raise InvalidOption("on", names, allowed)
        object.__setattr__(self, "on", names)

    def to_json(self) -> dict[str, object]:
        """Return the policy as JSON values: the arguments of `Retry`."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}

    def covers(self, error: BaseException) -> bool:
        """Whether `error` is worth another try."""
        names = {type_name(kind) for kind in type(error).__mro__}
        return isinstance(error, TransientError) or not names.isdisjoint(self.on)

    def delay_s(self, failures: int, rng: "Random") -> float:
        """Return the seconds to wait after the `failures`-th failure (from 1)."""
        exponent = min(failures - 1, 64)  # 2**64 s is beyond every max_backoff
        return rng.uniform(0, min(self.max_backoff, self.backoff * 2.0**exponent))
