"""Turns a job function, its parameters and options into a `NewJob` to store."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from interlock.core import limits
from interlock.core.errors import IllegalTransition, InvalidOption, InvalidParams
from interlock.core.guards import CANCEL
from interlock.core.ids import new_id
from interlock.core.job import Job, NewJob
from interlock.core.lifecycle import Event
from interlock.core.machine import legal
from interlock.core.retry import Retry
from interlock.core.uniqueness import Unique
from interlock.jobs import options as opts
from interlock.jobs import unique_keys
from interlock.jobs.call import Call
from interlock.jobs.options import Options
from interlock.jobs.published import PublishedJob
from interlock.jobs.registry import JobFunction, refuse_while_importing

Wanted = Call[object] | tuple["JobFunction[..., object] | str", Mapping[str, object]]


def call_of(
    call: Wanted, named: Callable[[str], JobFunction[..., object]]
) -> tuple[JobFunction[..., object], Mapping[str, object]]:
    """Return the job and the parameters of one element of `submit_many`.

    `named` finds the job of a name.

    Raises:
        UnknownJobName: no job has the name.
        InvalidOption: it is neither a `Call` nor a pair.
    """
    if isinstance(call, Call):
        return call.job, call.params
    try:
        job, params = call
    except (TypeError, ValueError):
        raise InvalidOption("job", call, "job.call(...) or (job, params)") from None
    return (named(job) if isinstance(job, str) else job), params


def encoded(
    job: JobFunction[..., object], params: Mapping[str, object]
) -> dict[str, object]:
    """Check the parameters of a job, and return them as JSON.

    Raises:
        InvalidParams: they do not fit.
        InvalidOption: an annotation of the function cannot be used.
    """
    from interlock.jobs import params as checks  # noqa: PLC0415  (pydantic: with the first one)

    if not isinstance(params, Mapping):
        raise InvalidParams(job.name, ["they must be a mapping of names to values"])
    if isinstance(job, PublishedJob):
        return checks.storable(job.name, job.checked(params), secret=job.secret)
    return checks.encoded(job.name, job.function, params, secret=job.secret)


def new_job(
    job: JobFunction[..., object],
    params: Mapping[str, object],
    *,
    now: datetime,
    parent_id: str | None = None,
    parents: int = 0,
) -> NewJob:
    """Return the job to store; `parents` is how many jobs it depends on.

    Raises:
        InvalidParams, InvalidOption: parameters or options do not fit.
    """
    refuse_while_importing("submits a job")
    stored = encoded(job, params)
    options = job.defaults
    opts.check(options)
    unique_keys.check_together(options)
    expires_at = options.get("expires_at")
    unique, deadline = unique_keys.policy_of(options), options.get("deadline")
    key = unique_keys.key_of(job.name, stored, options, job.secret)
    run_at = options.get("run_at", now)
    if key is not None and unique.is_delayed and unique.kept is not None:
        run_at = now + unique.kept
    policy = options.get("on_parent_failure", CANCEL)
    with_parent = options.get("on_parent_cancel", CANCEL)
    if expires_at is not None and expires_at < max(now, run_at):
        allowed = "a time later than now and than run_at"
        raise InvalidOption("expires_at", expires_at, allowed)
    return NewJob(
        id=new_id(now),
        name=job.name,
        params=stored,
        created_at=now,
        run_at=run_at,
        queue=options.get("queue", "default"),
        priority=options.get("priority", 0),
        timeout_s=options.get("timeout"),
        grace_s=options.get("grace", 2.0),
        expires_at=expires_at,
        deadline_at=None if deadline is None else run_at + timedelta(seconds=deadline),
        stalled_after_s=options.get("stalled_after"),
        retry=options.get("retry") or Retry(),
        max_losses=options.get("max_losses") or 5,
        unique_key=key,
        idempotency_key=options.get("idempotency_key"),
        submitted_by=options.get("by"),
        metadata=opts.with_tags(options.get("metadata"), options.get("tags") or ()),
        parent_id=parent_id,
        keys=_keys(job, stored),
        when_full=_when_full(options),
        fair_key=_fair_key(job, stored),
        aging_s=options.get("aging"),
        dependencies=parents,
        on_parent_failure=policy if parents else None,
        on_parent_cancel=None if parent_id is None else with_parent,
        finalizer=job.finalizer,
        secret=tuple(sorted(job.secret)) or None,
    )


def _keys(
    job: JobFunction[..., object], stored: Mapping[str, object]
) -> dict[str, object] | None:
    if not job.concurrency and job.exclusive is None:
        return None
    return limits.keys(job.name, job.concurrency, job.exclusive, _values(job, stored))


def _fair_key(
    job: JobFunction[..., object], stored: Mapping[str, object]
) -> str | None:
    if job.fairness_key is None:
        return None
    return limits.filled(job.fairness_key, _values(job, stored))


def _values(
    job: JobFunction[..., object], stored: Mapping[str, object]
) -> dict[str, object]:
    return {**job.defaults_of_parameters(), **stored}


def _when_full(options: Options) -> str | None:
    when_full = options.get("when_full") or "wait"
    return None if when_full == "wait" else when_full


def policies(
    new: Sequence[NewJob], jobs: Iterable[JobFunction[..., object]]
) -> dict[str, Unique]:
    """Return what new jobs do about their unique keys, by id; those that have one."""
    return {
        each.id: unique_keys.policy_of(job.defaults)
        for each, job in zip(new, jobs, strict=True)
        if each.unique_key is not None
    }


def again(job: Job, *, now: datetime, by: str | None) -> NewJob:
    """Return a new job that repeats a terminal one.

    Raises:
        IllegalTransition: it has not ended yet.
    """
    if not job.is_terminal:
        raise IllegalTransition(
            job.status,
            Event.CLAIM,
            legal(job.status),
            job_id=job.id,
            unmet="a terminal status; wait for its end, or cancel it first",
        )
    fields = {name: getattr(job, name) for name in NewJob.__dataclass_fields__}
    fields |= {"id": new_id(now), "created_at": now, "run_at": now, "rerun_of": job.id}
    fields |= {"submitted_by": by or job.submitted_by}
    fields |= {"unique_key": None, "idempotency_key": None, "expires_at": None}
    fields |= {"deadline_at": None, "schedule": None, "scheduled_for": None}
    fields |= {"group_id": None, "group_index": None}
    if job.finalizes is None:  # whoever reruns it submits it, and not its parent
        fields |= {"parent_id": None, "on_parent_cancel": None}
    return NewJob(**fields)
