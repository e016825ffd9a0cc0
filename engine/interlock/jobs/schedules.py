"""Declares the schedules of `@job`, and makes what a schedule keeps for its jobs."""

import hashlib
import json
import logging
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from interlock.core.errors import InvalidOption, ScheduleNotFound
from interlock.core.schedule import Schedule
from interlock.core.ticks import (
    DEADLINE_S,
    TEMPLATE,
    Declaration,
    ScheduleEdit,
    declared,
    differences,
    given_up,
)
from interlock.jobs import serialize
from interlock.jobs.options import Options
from interlock.jobs.registry import JobFunction
from interlock.jobs.submission import new_job
from interlock.ports.store import JobStore

_log: Final = logging.getLogger("interlock.worker")
_OLDER: Final = (
    "The schedule %s stays as it is: newer code has replaced the declaration that is "
    "here. If this is the newer code, delete the schedule; the next worker that starts "
    "declares it anew."
)
_SOME_TIME: Final = datetime.fromisoformat("2026-01-01T00:00:00+00:00")
#: Options that belong to one job.
_OF_ONE: Final = (
    "run_at",
    "expires_at",
    "idempotency_key",
    "on_conflict",
    "unique_for",
    "connection",
    "depends_on",
)
#: Fields of a job that are named otherwise than their option.
_FIELDS: Final[Mapping[str, str]] = {
    "timeout": "timeout_s",
    "grace": "grace_s",
    "deadline": DEADLINE_S,
    "stalled_after": "stalled_after_s",
    "aging": "aging_s",
}


def resolved(
    job: JobFunction[..., object], params: Mapping[str, object]
) -> tuple[dict[str, object], dict[str, object]]:
    """Return the parameters of a schedule's jobs as JSON, and their other fields.

    Raises:
        InvalidParams: the parameters do not fit the job.
        InvalidOption: an option is out of its range, or makes sense for one job only.
    """
    for option in _OF_ONE:
        if job.defaults.get(option) is not None:
            message = (
                f"{option} belongs to one job, and a schedule submits many. Leave it "
                "out. Nothing was stored."
            )
            raise InvalidOption.because(option, message)
    new = new_job(job, params, now=_SOME_TIME)
    fields = {name: getattr(new, name) for name in TEMPLATE}
    fields |= {"retry": new.retry.to_json(), DEADLINE_S: job.defaults.get("deadline")}
    kept: dict[str, object] = serialize.plain(fields)
    return dict(new.params), kept


def fields_of(options: Options) -> list[str]:
    """Return the fields of a job that these options set."""
    return [_FIELDS.get(option, option) for option in options]


def declarations(jobs: Iterable[JobFunction[..., object]]) -> list[Declaration]:
    """Return what registered jobs declare.

    Raises:
        InvalidParams: the parameters of a schedule do not fit its job.
    """
    return [_declaration(job, job.schedule) for job in jobs if job.schedule is not None]


def _declaration(job: JobFunction[..., object], schedule: Schedule) -> Declaration:
    params, options = resolved(job, schedule.params)
    spec: dict[str, Any] = {**schedule.to_json(), "params": params}
    text = json.dumps([spec, options], sort_keys=True)
    return Declaration(
        name=job.name,
        schedule=Schedule.from_json(spec),
        options=options,
        digest=hashlib.sha256(text.encode()).hexdigest()[:16],
    )


def declare(store: JobStore, declaration: Declaration, *, by: str) -> None:
    """Store what a job declares, unless newer code or somebody has said otherwise."""
    while True:
        try:
            stored = store.schedules.get(declaration.name)
        except ScheduleNotFound:
            stored = None
        now = store.now()
        after = declared(stored, declaration, now=now)
        if after is None:
            if stored is not None and declaration.digest in stored.replaced:
                _log.warning(_OLDER, declaration.name)
            return
        what = "declared" if stored is None else differences(stored, after)
        edit = ScheduleEdit(
            schedule=after.name,
            at=now,
            actor=by,
            what=what,
            reason="@job(schedule=...)",
        )
        ticks = []
        if stored is not None:
            ticks = given_up(stored, now=now, why="its schedule was declared anew")
        if store.schedules.save(after, edit, ticks):
            return
