"""How long, or how many of, the ended jobs of a name are kept."""

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Final, NamedTuple

from interlock.core.errors import InvalidOption
from interlock.core.lifecycle import TERMINAL, JobStatus

_AGE: Final = re.compile(r"(\d+)([smhdw])")
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_MOST_S: Final = 100 * 366 * 86_400
_MOST_JOBS: Final = 10_000_000
_ALLOWED: Final = (
    'a time such as "7d" or "12h" (s, m, h, d, w), or a number of jobs, 0 or more'
)


class Keep(NamedTuple):
    """What is kept: jobs that ended less than `age` ago, or the newest `jobs`."""

    age: timedelta | None = None
    jobs: int | None = None


def read(retention: object) -> dict[JobStatus, Keep]:
    """Return what is kept by status.

    Raises:
        InvalidOption: it names no status of ended jobs, or no time or number.
    """
    if retention is None:
        return {}
    if not isinstance(retention, Mapping):
        allowed = 'a mapping, such as {"SUCCEEDED": "7d", "FAILED": 1000}'
        raise InvalidOption("retention", retention, allowed)
    return {_status(word): _keep(word, kept) for word, kept in retention.items()}


def _status(word: object) -> JobStatus:
    if word not in set(TERMINAL):
        listed = ", ".join(sorted(TERMINAL))
        raise InvalidOption("retention", word, f"a status of ended jobs: {listed}")
    return JobStatus(str(word))


def _keep(word: object, kept: object) -> Keep:
    option = f"retention[{str(word)!r}]"
    if isinstance(kept, int) and not isinstance(kept, bool):
        if 0 <= kept <= _MOST_JOBS:
            return Keep(jobs=kept)
        raise InvalidOption(option, kept, f"{_ALLOWED}, at most {_MOST_JOBS}")
    found = _AGE.fullmatch(kept) if isinstance(kept, str) else None
    if found is None:
        raise InvalidOption(option, kept, _ALLOWED)
    seconds = int(found[1]) * _SECONDS[found[2]]
    if seconds > _MOST_S:
        raise InvalidOption(option, kept, f"{_ALLOWED}, at most 100 years")
    return Keep(age=timedelta(seconds=seconds))
