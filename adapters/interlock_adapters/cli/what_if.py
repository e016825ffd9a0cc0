"""Changes a snapshot as `interlock forecast --if KEY=NUMBER` says."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Final

from interlock.core import limits
from interlock.core.errors import InvalidOption
from interlock.core.records import LimitInfo, WorkerInfo
from interlock.worker.settings import WorkerSettings
from interlock_adapters.cli.snapshot import Snapshot

HELP: Final = (
    "Forecast a change, without making it: workers=N (like the first one), "
    "concurrency=N (of each worker), max_running=N (of each job name that has it), or "
    "KEY=N for one limit: name:NAME=N, queue:QUEUE=N, or its key. Repeat it for more"
)
_FORM: Final = "KEY=NUMBER, such as workers=3, concurrency=8, max_running=8 or"
_EXAMPLE: Final = "name:thumbnails=8"
_SHOWN: Final = 10  # keys in an error
_MOST: Final = 1000  # workers, as places of a worker


def changed(snapshot: Snapshot, wishes: Iterable[str]) -> Snapshot:
    """Return the snapshot with all changes, whatever their order.

    Raises:
        InvalidOption: a change is unclear, or of what is not there.
    """
    by_key: dict[str, int] = {}
    for wish in wishes:
        key, number = _parsed(wish)
        if key in by_key:
            message = f"--if {key}=... is given twice. Leave one of them out."
            raise InvalidOption.because("--if", message)
        by_key[key] = number
    each = by_key.pop("max_running", None)
    workers = by_key.pop("workers", None)
    concurrency = by_key.pop("concurrency", None)
    if each is not None:
        snapshot = _with_names(snapshot, each)
    for key, number in by_key.items():
        snapshot = _with_limit(snapshot, key, number)
    if workers is not None:
        snapshot = _with_workers(snapshot, workers)
    if concurrency is not None:
        snapshot = replace(
            snapshot,
            workers=tuple(
                replace(worker, concurrency=concurrency) for worker in snapshot.workers
            ),
        )
    return snapshot


def _parsed(wish: str) -> tuple[str, int]:
    """Return the key and the number; a key may have an equals sign of its own."""
    key, _, text = wish.rpartition("=")
    most = _MOST if key in {"workers", "concurrency"} else limits.MAX_RUNNING
    is_number = text.isascii() and text.isdigit() and len(text) < len(str(most)) + 1
    if not key or not is_number or not 1 <= int(text) <= most:
        raise InvalidOption("--if", wish, f"{_FORM} {_EXAMPLE}; 1 to {most}")
    return key, int(text)


def _with_names(snapshot: Snapshot, number: int) -> Snapshot:
    """Change `max_running` of every name that has one."""
    some = [
        limit.key
        for limit in snapshot.limits
        if limit.key.startswith(limits.NAME) and limit.max_running is not None
    ]
    if not some:
        names = sorted({job.name for job in snapshot.jobs})
        name = names[0] if names else "NAME"
        message = (
            "Cannot forecast --if max_running: no job name has a max_running. Limit "
            f"one by its name: --if {limits.NAME}{name}={number}. Nothing was changed."
        )
        raise InvalidOption.because("--if", message)
    for key in some:
        snapshot = _with_limit(snapshot, key, number)
    return snapshot


def _with_limit(snapshot: Snapshot, key: str, number: int) -> Snapshot:
    """Change the `max_running` of one limit; its rate stays."""
    by_key = {limit.key: limit for limit in snapshot.limits}
    known = {*by_key, *_keys(snapshot)}
    if key not in known:
        listed = ", ".join(sorted(known)[:_SHOWN]) or "none: no job waits"
        more = f" and {len(known) - _SHOWN} more" if len(known) > _SHOWN else ""
        message = (
            f"Cannot forecast --if {key}={number}: no job and no limit has this key. "
            f"Use workers, concurrency, max_running or one of: {listed}{more}. "
            "Nothing was changed."
        )
        raise InvalidOption.because("--if", message)
    plain = LimitInfo(key=key, max_running=None, rate_limit=None, running=0)
    by_key[key] = replace(by_key.get(key, plain), max_running=number)
    return replace(snapshot, limits=tuple(by_key.values()))


def _keys(snapshot: Snapshot) -> Iterable[str]:
    for job in snapshot.jobs:
        for key in limits.keys_of(job.name, job.queue, job.keys):
            yield from (key.key, key.base)


def _with_workers(snapshot: Snapshot, number: int) -> Snapshot:
    """Have so many workers like the first one; without one, they know every job."""
    workers = snapshot.workers or (_any_worker(snapshot.at),)
    first = next((each for each in workers if not each.trouble), workers[0])
    ids = [worker.id for worker in workers]
    ids += [f"{first.id}-{place + 1}" for place in range(len(ids), number)]
    same = (replace(first, id=each, trouble=None) for each in ids[:number])
    return replace(snapshot, workers=tuple(same))


def _any_worker(at: datetime) -> WorkerInfo:
    """Return a worker with the default settings that takes whatever waits."""
    return WorkerInfo(
        id="forecast",
        host="",
        pid=0,
        boot_id="",
        containment="",
        concurrency=WorkerSettings().concurrency,
        started_at=at,
        seen_at=at,
    )
