"""Limits of keys: how many jobs of a key run at once, and start within a time."""

import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from string import Formatter
from typing import Any, Final, NamedTuple

from interlock.core.bounds import check_whole
from interlock.core.errors import InvalidOption

NAME, QUEUE, EXCLUSIVE = "name:", "queue:", "exclusive:"
MAX_RUNNING: Final = 10_000
MAX_STARTS: Final = 10_000  # in a period
_MAX_KEYS: Final = 10  # of a job
MAX_KEY: Final = 200  # characters
_RESERVED: Final = (NAME, QUEUE, EXCLUSIVE)
_RATE: Final = re.compile(r"(\d+)/(\d*)([smhd])")
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_LONGEST_S: Final = 366 * 86_400
#: The values of a job's parameters, for a missing one that of its default.
Values = Mapping[str, object]


class Rate(NamedTuple):
    """At most `starts` in any window of `period_s` seconds."""

    starts: int
    period_s: int

    def __str__(self) -> str:
        unit = next(u for u in "dhms" if self.period_s % _SECONDS[u] == 0)
        many = self.period_s // _SECONDS[unit]
        return f"{self.starts}/{many if many > 1 else ''}{unit}"


def rate(text: object) -> Rate | None:
    """Return the rate that a text such as "100/m" or "5/30s" names.

    Raises:
        InvalidOption: it names none, or one out of the range.
    """
    if text is None:
        return None
    found = _RATE.fullmatch(str(text))
    if found is not None:
        count, many, unit = int(found[1]), int(found[2] or 1), found[3]
        period_s = many * _SECONDS[unit]
        if 0 < count <= MAX_STARTS and 0 < period_s <= _LONGEST_S:
            return Rate(count, period_s)
    allowed = (
        f'starts in a time, such as "100/m", "5/30s" or "1/d": 1 to {MAX_STARTS} starts'
    )
    raise InvalidOption("rate_limit", text, allowed)


def check_max_running(max_running: object) -> None:
    """Check `max_running`; None is no limit. Raises InvalidOption."""
    if max_running is not None:
        check_whole("max_running", max_running, least=1, most=MAX_RUNNING)


@dataclass(frozen=True, slots=True)
class Limit:
    """A limit that jobs share by a key, over all their names and all workers.

    Args:
        key: such as "printer", or with parameters of the job, "api:{customer}": each
            value has a limit of its own. Up to 200 characters.
        max_running: how many may run at once; 1 to 10000, None: any number.
        rate_limit: how many may start in any window of a time: "100/m", "5/30s"; s, m,
            h, d. 1 to 10000 starts, up to 366 days; None: any number.
        weight: how many of both this job counts for.

    Raises:
        InvalidOption: a value is out of its range.
    """

    key: str
    max_running: int | None = None
    rate_limit: str | None = None
    weight: int = 1

    def __post_init__(self) -> None:
        check_key(self.key)
        check_max_running(self.max_running)
        allowed_rate = rate(self.rate_limit)
        if self.max_running is None and allowed_rate is None:
            message = (
                f"Limit({self.key!r}) limits nothing. Give max_running=, rate_limit= "
                "or both. Nothing was stored."
            )
            raise InvalidOption.because("concurrency", message)
        allowed_rate = allowed_rate or Rate(MAX_RUNNING, 1)
        most = min(self.max_running or MAX_RUNNING, allowed_rate.starts)
        check_whole("weight", self.weight, least=1, most=most)

    def is_same(self, other: "Limit") -> bool:
        """Whether the limit of another key, or the same limit of the same key."""
        values = (self.max_running, rate(self.rate_limit))
        return self.key != other.key or values == (
            other.max_running,
            rate(other.rate_limit),
        )


def check_key(key: object) -> None:
    """Check the key of a limit, or its template. Raises InvalidOption."""
    allowed = f'a text of 1 to {MAX_KEY} printable characters, such as "api:{{name}}"'
    if not isinstance(key, str) or not key.isprintable() or not 0 < len(key) <= MAX_KEY:
        raise InvalidOption("key", key, allowed)
    if key.startswith(("{", *_RESERVED)):
        allowed = (
            "a key that begins with a word of its own, such as 'tenant:{tenant}': "
            f"{', '.join(_RESERVED)} are Interlock's"
        )
        raise InvalidOption("key", key, allowed)
    placeholders(key)


def placeholders(template: str) -> list[str]:
    """Return the names of the parameters in a template. Raises InvalidOption."""
    try:
        parts = list(Formatter().parse(template))
    except ValueError:
        parts = [("", "?", "", None)]
    names = [name for _, name, _, _ in parts if name is not None]
    is_plain = all(not spec and not how for _, _, spec, how in parts)
    if not is_plain or not all(name.isidentifier() for name in names):
        allowed = 'names of parameters in braces, such as "api:{customer}"'
        raise InvalidOption("key", template, allowed)
    return names


def check_concurrency(limits: object, parameters: Collection[str] | None) -> None:
    """Check the limits of a job; `parameters` None: it takes any.

    Raises:
        InvalidOption: they are no limits, too many, or name what is no parameter.
    """
    is_some = isinstance(limits, Sequence) and not isinstance(limits, str)
    if not is_some or not all(isinstance(limit, Limit) for limit in limits):  # type: ignore[attr-defined]  # a sequence
        allowed = 'a list of limits, such as [Limit("api:{customer}", max_running=3)]'
        raise InvalidOption("concurrency", limits, allowed)
    keys = [limit.key for limit in limits]  # type: ignore[attr-defined]  # a sequence
    if len(keys) > _MAX_KEYS or len(set(keys)) < len(keys):
        allowed = f"at most {_MAX_KEYS} limits, each with another key"
        raise InvalidOption("concurrency", keys, allowed)
    for key in keys:
        check_parameters("concurrency", placeholders(key), parameters)


def check_parameters(
    option: str, names: Collection[str], parameters: Collection[str] | None
) -> None:
    """Check that names are those of parameters. Raises InvalidOption."""
    for name in names:
        if parameters is not None and name not in parameters:
            listed = ", ".join(parameters) or "none: it has no parameters"
            raise InvalidOption(option, name, f"a parameter of the function ({listed})")


Declared = Mapping[str, tuple[int | None, Rate | None]]


def declared(
    name: str,
    max_running: int | None,
    concurrency: Sequence[Limit],
    *,
    is_exclusive: bool,
) -> Declared:
    """Return the limits that a job declares: of its name, and of its keys."""
    found = {NAME + name: (max_running, rate(None))}
    if is_exclusive:
        found[EXCLUSIVE + name] = (1, None)
    for limit in concurrency:
        found[limit.key] = (limit.max_running, rate(limit.rate_limit))
    return found


def keys(
    name: str,
    concurrency: Sequence[Limit],
    exclusive: Collection[str] | None,
    values: Values,
) -> dict[str, object] | None:
    """Return the keys of a job, as they are stored: {key: {"limit": L, "weight": W}}.

    Its limit is that of the key itself, if one was set, else that of L.
    """
    found: dict[str, object] = {}
    for limit in concurrency:
        key = _own(filled(limit.key, values))
        found[key] = {"limit": limit.key, "weight": limit.weight}
    if exclusive is not None:
        each = ",".join(f"{param}={shown(values.get(param))}" for param in exclusive)
        key = short(f"{EXCLUSIVE}{name}:{each}")
        found[key] = {"limit": EXCLUSIVE + name, "weight": 1}
    return found or None


class Key(NamedTuple):
    """A key of a job, and the key or template that its limit may also be set for."""

    key: str
    base: str
    weight: int = 1


def keys_of(name: str, queue: str, stored: Mapping[str, Any] | None) -> tuple[Key, ...]:
    """Return the keys of a job: of its name, of its queue, and those stored with it."""
    implicit = _implicit(name, queue)
    if not stored:
        return implicit
    own = (Key(key, each["limit"], each["weight"]) for key, each in stored.items())
    return (*implicit, *own)


@lru_cache(1024)
def _implicit(name: str, queue: str) -> tuple[Key, Key]:
    return Key(NAME + name, NAME + name), Key(QUEUE + queue, QUEUE + queue)


def targets(keys: Iterable[Key]) -> Iterator[str]:
    """Yield the targets by which all jobs with one of these keys are held."""
    for each in keys:
        is_implicit = each.key.startswith((NAME, QUEUE))
        yield each.key if is_implicit else f"key:{each.key}"


def _own(key: str) -> str:
    """Return a key that is none of Interlock's, whatever the parameters are."""
    return f"~{key}" if key.startswith(_RESERVED) else key


def filled(template: str, values: Values) -> str:
    """Return the key that a template makes of a job's parameters."""
    parts = Formatter().parse(template)
    return short(
        "".join(
            literal + ("" if name is None else shown(values.get(name)))
            for literal, name, _, _ in parts
        )
    )


def shown(value: object) -> str:
    """Return a JSON value as a part of a key: a text as it is."""
    if isinstance(value, str):
        return value
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def short(key: str) -> str:
    """Return a key, a long one with a digest instead of its end."""
    if len(key) <= MAX_KEY and key.isprintable():
        return key
    from hashlib import sha256  # noqa: PLC0415  (no process of a job needs it)

    digest = sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
    head = "".join(c for c in key[: MAX_KEY - 34] if c.isprintable())
    return f"{head}~{digest[:32]}"
