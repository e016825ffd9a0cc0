"""`engine.failures`: failed jobs by cause, and what people say of the causes."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from interlock.api.offload import Offload
from interlock.core.bounds import check_whole
from interlock.core.causes import (
    KEY_DIGITS,
    Cause,
    Remark,
    RemarkKind,
    cause_key,
    error_of,
    place_of,
)
from interlock.core.errors import InvalidOption
from interlock.core.job import Job
from interlock.core.lifecycle import REASON_MEANING, Event, row_of
from interlock.core.records import Search
from interlock.jobs.options import check_words
from interlock.jobs.redaction import Redaction
from interlock.ports.clock import Clock
from interlock.ports.store import JobStore

#: Failed jobs that are looked at, the newest ones.
MOST: Final = 1000
_BAD: Final = frozenset({row_of(Event.FAIL).target, row_of(Event.TIME_OUT).target})
_SUCCEEDED: Final = row_of(Event.SUCCEED).target
_KEY: Final = re.compile(f"[0-9a-f]{{{KEY_DIGITS}}}")
_LONG: Final = 300  # characters of a message
_SOME: Final = 500  # jobs whose reruns one search finds


class Failures:
    """The causes of the newest failed jobs."""

    def __init__(self, store: JobStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def with_jobs(self, limit: int = MOST) -> Sequence[tuple[Cause, Sequence[Job]]]:
        """Return what `list` returns, each with its jobs, the newest first."""
        check_whole("limit", limit, least=1, most=MOST)
        failed = self._store.search(Search(statuses=_BAD, limit=limit)).items
        reruns = self._reruns([job.id for job in failed])
        groups = by_cause(failed)
        return causes_of(groups, reruns, self._store.remarks(groups.keys()))

    def _reruns(self, ids: Sequence[str]) -> dict[str, list[Job]]:
        found: dict[str, list[Job]] = {}
        for start in range(0, len(ids), _SOME):
            some = frozenset(ids[start : start + _SOME])
            for job in self._store.search(Search(reruns_of=some, limit=1000)).items:
                found.setdefault(str(job.rerun_of), []).append(job)
        return found

    def remark(
        self,
        cause: str,
        kind: RemarkKind | str,
        text: str | None = None,
        *,
        by: str | None = None,
    ) -> Remark:
        """Keep a note on a cause, acknowledge it, or reopen it.

        An acknowledged cause is listed still, and its jobs stay open until a rerun
        succeeds; the overview alarms nobody with it.

        Args:
            cause: the key of the cause.
            kind: `note`, `acknowledge` or `reopen`.
            text: what is to be said, up to 2,000 characters; a note needs one.
            by: who says it.

        Raises:
            InvalidOption: no newest failed job has this cause, there is nothing to
                reopen, or a value is not allowed. Nothing was stored.
        """
        check_remark(cause, kind, text, by)
        self._refuse_idle(self._known(cause), RemarkKind(kind))
        said = Remark(
            cause=cause,
            kind=RemarkKind(kind),
            text=text or None,
            by=by or "client",
            at=self._clock.now(),
        )
        self._store.remark(said)
        return said

    def _known(self, key: str) -> Cause:
        for cause in self.list():
            if cause.key == key:
                return cause
        raise _unknown(key)

    def _refuse_idle(self, cause: Cause, kind: RemarkKind) -> None:
        if kind is RemarkKind.REOPEN and cause.acknowledged is None:
            message = (
                f"The cause {cause.key} is not acknowledged, so there is nothing to "
                "reopen. Nothing was stored."
            )
            raise InvalidOption.because("kind", message)

    def list(self, limit: int = MOST) -> list[Cause]:
        """Return the causes of the newest failed jobs, those with most to do first.

        A job is open until it was run again, and its rerun until it has succeeded.

        Args:
            limit: how many failed jobs are looked at, 1 to 1000.

        Raises:
            InvalidOption: the limit is out of its range.
        """
        return [cause for cause, _ in self.with_jobs(limit)]


class AsyncFailures:
    """`Failures`, awaited."""

    def __init__(self, failures: Failures, offload: Offload) -> None:
        self._failures = failures
        self._call = offload.call

    async def with_jobs(
        self, limit: int = MOST
    ) -> Sequence[tuple[Cause, Sequence[Job]]]:
        """See `Failures.with_jobs`."""
        return await self._call(self._failures.with_jobs, limit)

    async def remark(
        self,
        cause: str,
        kind: RemarkKind | str,
        text: str | None = None,
        *,
        by: str | None = None,
    ) -> Remark:
        """See `Failures.remark`."""
        return await self._call(self._failures.remark, cause, kind, text, by=by)

    async def list(self, limit: int = MOST) -> list[Cause]:
        """See `Failures.list`."""
        return await self._call(self._failures.list, limit)


def check_remark(cause: object, kind: object, text: str | None, by: str | None) -> None:
    """Check what somebody says of a cause. Raises InvalidOption."""
    if not (isinstance(cause, str) and _KEY.fullmatch(cause)):
        raise _unknown(cause)
    if kind not in set(RemarkKind):
        raise InvalidOption("kind", kind, '"note", "acknowledge" or "reopen"')
    check_words(text=text, by=by)
    if kind == RemarkKind.NOTE and not (text or "").strip():
        raise InvalidOption("text", text, "the text of the note, which is not empty")


def _unknown(key: object) -> InvalidOption:
    message = (
        f"No cause {key!r} is among those of the newest {MOST:,} failed jobs. See "
        "`interlock failures list` for their keys. Nothing was stored."
    )
    return InvalidOption.because("cause", message)


def by_cause(failed: Iterable[Job]) -> dict[str, list[Job]]:
    """Group failed jobs by the key of their cause."""
    groups: dict[str, list[Job]] = {}
    for job in failed:
        groups.setdefault(cause_key(job), []).append(job)
    return groups


def causes_of(
    groups: Mapping[str, Sequence[Job]],
    reruns: Mapping[str, Sequence[Job]],
    remarks: Sequence[Remark] = (),
) -> list[tuple[Cause, Sequence[Job]]]:
    """Return the causes of groups of jobs (newest first), with most to do first.

    `reruns` are the jobs that ran one of them again, by its id. A job is cured when a
    rerun of it has succeeded, or a rerun of a rerun; and a rerun that failed, when
    another one of the same job has.
    """
    found = [
        (
            _cause(key, jobs, reruns, [each for each in remarks if each.cause == key]),
            jobs,
        )
        for key, jobs in groups.items()
    ]
    return sorted(found, key=lambda pair: (-len(pair[0].open), pair[0].name))


def _cause(
    key: str,
    jobs: Sequence[Job],
    reruns: Mapping[str, Sequence[Job]],
    remarks: Sequence[Remark],
) -> Cause:
    newest, cured = jobs[0], {job.id for job in jobs if _is_cured(job, reruns)}
    ends = [job.finished_at or job.created_at for job in jobs]
    return Cause(
        key=key,
        name=newest.name,
        status=newest.status,
        error=error_of(newest),
        message=_message(newest),
        place=place_of(newest),
        jobs=[job.id for job in jobs],
        open=[j.id for j in jobs if j.id not in cured and not reruns.get(j.id)],
        cured=len(cured),
        first_at=min(ends),
        last_at=max(ends),
        remarks=remarks,
    )


def _message(job: Job) -> str:
    if job.error is None:
        return "" if job.reason is None else REASON_MEANING[job.reason].replace("`", "")
    line = Redaction(job).text(job.error.message).partition("\n")[0]
    return line if len(line) <= _LONG else f"{line[:_LONG]}…"


def _is_cured(job: Job, reruns: Mapping[str, Sequence[Job]]) -> bool:
    family = [job.id] if job.rerun_of is None else [job.id, job.rerun_of]
    return any(_has_success(job_id, reruns) for job_id in family)


def _has_success(job_id: str, reruns: Mapping[str, Sequence[Job]]) -> bool:
    return any(
        again.status is _SUCCEEDED or _has_success(again.id, reruns)
        for again in reruns.get(job_id, ())
    )
