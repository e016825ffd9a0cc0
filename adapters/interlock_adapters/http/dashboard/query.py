"""The language of the search box: `status:failed error:"no such" param.to:a`."""

import json
import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from interlock.core.errors import InterlockError
from interlock.core.job import Phase
from interlock.core.lifecycle import INITIAL, JobStatus

#: What may stand before a colon, and what it finds.
KEYS: Final = {
    "status": "ready, scheduled, retrying, running, succeeded, failed, ...",
    "name": "the whole name",
    "queue": "the queue",
    "error": "a part of the error",
    "since": "submitted within: 30m, 2h, 7d, or after a date",
    "before": "submitted before: 30m ago, 2h, 7d, or a date",
    "by": "who submitted it",
    "tag": "one of its tags",
    "schedule": "the schedule that submitted it",
    "group": "the id of its group",
    "parent": "the id of the job that submitted it",
    "param.NAME": "a parameter: param.size:128, param.to.city:Berlin",
}
#: Words for statuses and phases of waiting jobs: what the tabs show.
STATES: Final = {
    "ready": (None, Phase.QUEUED),
    "scheduled": (None, Phase.SCHEDULED),
    "retrying": (None, Phase.RETRY_WAIT),
    "held": (None, Phase.HELD),
    "blocked": (None, Phase.BLOCKED),
    "waiting": (None, Phase.WAITING),
    **{status.lower(): (status, None) for status in JobStatus},
}
_ARGUMENTS: Final = {
    "name": "name",
    "queue": "queue",
    "error": "error",
    "by": "submitted_by",
    "schedule": "schedule",
    "group": "group",
    "parent": "parent",
}
_AGE: Final = re.compile(r"(\d{1,6})(s|m|min|h|d|w)")
_SECONDS: Final = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86_400, "w": 604_800}
_ID: Final = re.compile(r"[0-9a-f]{8,32}")


class BadQuery(InterlockError):
    """A word of a search that means nothing: which, and what can be written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """One word of a search, and the search without it."""

    key: str
    value: str
    without: str


@dataclass(slots=True)
class Query:
    """A search: its tokens, and the arguments of `Engine.search`."""

    text: str
    now: datetime
    tokens: list[Token] = field(default_factory=list[Token])
    filters: dict[str, Any] = field(default_factory=dict[str, Any])
    maybe_id: str | None = None  # a word that looks like an id

    def __post_init__(self) -> None:
        words = split(self.text)
        for at, word in enumerate(words):
            key, colon, value = word.partition(":")
            is_pair = bool(colon) and (key in KEYS or key.startswith("param."))
            if bool(colon) and not is_pair and not value.startswith(":"):
                raise BadQuery(_unknown(key))
            self._take(key if is_pair else "", value if is_pair else word)
            self.tokens.append(
                Token(
                    key=key if is_pair else "",
                    value=value if is_pair else word,
                    without=join(words[:at] + words[at + 1 :]),
                )
            )

        if self.filters.get("phases"):
            self.filters["statuses"] = [INITIAL]

    @property
    def states(self) -> list[str]:
        """The words for statuses that were asked for."""
        return [token.value for token in self.tokens if token.key == "status"]

    def with_status(self, state: str | None) -> str:
        """Return the text with another status, for the tabs."""
        kept = [word for word in split(self.text) if not word.startswith("status:")]
        return join([*kept, f"status:{state}"] if state else kept)

    def _take(self, key: str, value: str) -> None:
        if key in _ARGUMENTS:
            self._once(_ARGUMENTS[key], key, value)
        elif key == "status":
            self._take_state(value)
        elif key == "tag":
            self.filters.setdefault("tags", []).append(value)
        elif key in ("since", "before"):
            name = "created_after" if key == "since" else "created_before"
            self._once(name, key, moment(key, value, self.now))
        elif key.startswith("param."):
            _nest(self.filters.setdefault("params", {}), key.split(".")[1:], value)
        else:
            if _ID.fullmatch(value):
                self.maybe_id = value
            self._once("name_part", "A part of a name", value)

    def _once(self, name: str, key: str, value: object) -> None:
        if name in self.filters:
            raise BadQuery(f"{key} can stand once: no job has two of them.")
        if value == "":
            raise BadQuery(f"Write what to find after {key}: no job has an empty one.")
        self.filters[name] = value

    def _take_state(self, value: str) -> None:
        if value.lower() not in STATES:
            message = f"There is no status {value!r}. Use one of {', '.join(STATES)}."
            raise BadQuery(message)
        status, phase = STATES[value.lower()]
        if self.filters.get("statuses" if status is None else "phases"):
            words = "ready, scheduled, retrying, held, blocked and waiting"
            raise BadQuery(f"{words} cannot stand beside another status.")
        if status is not None:
            self.filters.setdefault("statuses", []).append(status)
        if phase is not None:
            self.filters.setdefault("phases", []).append(phase)


def split(text: str) -> list[str]:
    """Return the words of a search; quotes keep blanks together.

    Raises:
        BadQuery: a quote is not closed.
    """
    reader = shlex.shlex(text, posix=True, punctuation_chars=False)
    reader.whitespace_split, reader.commenters, reader.escape = True, "", ""
    reader.quotes, reader.escapedquotes = '"', '"'
    reader.escape = "\\" if '"' in text else ""  # within quotes alone
    try:
        return list(reader)
    except ValueError:
        raise BadQuery(f"A quote is not closed in: {text}") from None


def join(words: Iterable[str]) -> str:
    """Return words as the text of a search."""
    return " ".join(_quoted(word) for word in words)


def _quoted(word: str) -> str:
    if not re.search(r"[\s\"]", word):
        return word
    key, colon, value = word.partition(":")
    if not colon or re.search(r"[\s\"]", key):
        key, colon, value = "", "", word
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'{key}{colon}"{escaped}"'


def token(key: str, value: str) -> str:
    """Return one word of a search."""
    return join([f"{key}:{value}"])


def moment(key: str, value: str, now: datetime) -> datetime:
    """Return the moment of an age (`2h`) or of a date (`2026-11-28T10:00`, in UTC).

    Raises:
        BadQuery: it is neither.
    """
    age = _AGE.fullmatch(value.lower())
    try:
        if age is not None:
            return now - timedelta(seconds=int(age[1]) * _SECONDS[age[2]])
        found = datetime.fromisoformat(value)
    except (ValueError, OverflowError):
        message = f"{key}:{value} is no time. Write 30m, 2h, 7d, or 2026-11-28T10:00."
        raise BadQuery(message) from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _nest(params: dict[str, Any], names: Sequence[str], value: str) -> None:
    if not all(names):
        raise BadQuery("A parameter has a name: write param.size:128.")
    for name in names[:-1]:
        params = params.setdefault(name, {})
        if not isinstance(params, dict):
            raise BadQuery(
                f"{'.'.join(names)} is below a parameter with another value."
            )
    if names[-1] in params:
        raise BadQuery(f"param.{'.'.join(names)} can stand once.")
    try:
        params[names[-1]] = json.loads(value)
    except ValueError:
        params[names[-1]] = value


def _unknown(key: str) -> str:
    return f"Nothing can be found by {key!r}. Use one of {', '.join(KEYS)}."


def of_old(values: Mapping[str, str], statuses: Iterable[str]) -> str:
    """Return the search of an address with a filter each, such as `?queue=mail`."""
    words = [f"{key}:{value}" for key, value in values.items() if value]
    words += [f"status:{status.lower()}" for status in statuses]
    return join(words)
