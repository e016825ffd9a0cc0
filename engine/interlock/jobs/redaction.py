"""Hides parameters with secret names, and their values in other texts."""

import re
from collections.abc import Iterable, Mapping
from typing import Final

from interlock.core.job import Job
from interlock.jobs.registry import registered
from interlock.jobs.secret_names import is_secret

HIDDEN: Final = "***"
#: Shorter values are not replaced in texts: they would match too often.
_SHORTEST: Final = 4


def declared_anywhere() -> frozenset[str]:
    """Return the names that any registered job declares secret."""
    return frozenset().union(*(job.secret for job in registered().values()))


def hidden(name: str, value: object, secret: Iterable[str] = ()) -> object:
    """Return a copy of parameters or metadata of a job's name, with secrets hidden."""
    return _hide(value, _declared(name, secret), set())


def _declared(name: str, secret: Iterable[str]) -> frozenset[str]:
    """Return what a job says, and what its code says now, if that is here."""
    function = registered().get(name)
    return frozenset(secret) | (function.secret if function else frozenset())


class Redaction:
    """Hides one job's secrets in its parameters and in texts that repeat them."""

    def __init__(self, job: Job) -> None:
        self._declared = _declared(job.name, job.secret or ())
        secrets: set[str] = set()
        self.params = _hide(job.params, self._declared, secrets)
        self.metadata = _hide(job.metadata, self._declared, secrets)
        longest_first = sorted(secrets, key=len, reverse=True)
        alternatives = "|".join(re.escape(value) for value in longest_first)
        self._values = re.compile(alternatives) if alternatives else None

    def text(self, text: str) -> str:
        """Return a text without the secret values of the job."""
        return text if self._values is None else self._values.sub(HIDDEN, text)

    def within(self, value: object) -> object:
        """Return JSON (a result, an error) without the secret values of the job."""
        if self._values is None:
            return value
        match value:
            case str():
                return self.text(value)
            case Mapping():
                return {self.text(k): self.within(v) for k, v in value.items()}
            case list() | tuple():
                return [self.within(element) for element in value]
            case _:
                return value


def _hide(value: object, declared: frozenset[str], secrets: set[str]) -> object:
    """Return a copy with the secrets hidden; add what they were to `secrets`."""
    match value:
        case Mapping():
            hidden: dict[str, object] = {}
            for name, element in value.items():
                if is_secret(name, declared):
                    _collect(element, secrets)
                    hidden[name] = HIDDEN
                else:
                    hidden[name] = _hide(element, declared, secrets)
            return hidden
        case list() | tuple():
            return [_hide(element, declared, secrets) for element in value]
        case _:
            return value


def _collect(value: object, secrets: set[str]) -> None:
    match value:
        case bool() | None:
            return
        case str() | int() | float():
            if len(str(value)) >= _SHORTEST:
                secrets.add(str(value))
        case Mapping():
            for element in value.values():
                _collect(element, secrets)
        case list() | tuple():
            for element in value:
                _collect(element, secrets)
        case _:
            return
