"""What is to be said of a job in one sentence: its state, since when, who and why."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from markupsafe import Markup

from interlock.core.frames import frames, own
from interlock.core.job import Attempt, Job, Phase
from interlock.core.lifecycle import (
    INITIAL,
    REASON_MEANING,
    Event,
    JobStatus,
    Reason,
    row_of,
)
from interlock.jobs.redaction import Redaction
from interlock_adapters.http.dashboard import words

_CANCELED: Final = row_of(Event.CANCEL).target
_FAILED: Final = row_of(Event.FAIL).target
_TIMEOUT: Final = row_of(Event.TIME_OUT).target
_SUCCEEDED: Final = row_of(Event.SUCCEED).target
_RUNNING: Final = row_of(Event.CLAIM).target
_LONG: Final = 300  # characters of a message
#: What a status is called.
NAMES: Final = {
    INITIAL: "Pending",
    _RUNNING: "Running",
    _SUCCEEDED: "Succeeded",
    _FAILED: "Failed",
    _TIMEOUT: "Timed out",
    _CANCELED: "Canceled",
}
#: What a phase of a waiting job is called, and its sign.
WAITING: Final = {
    Phase.QUEUED: ("Ready", "pending"),
    Phase.SCHEDULED: ("Scheduled", "scheduled"),
    Phase.RETRY_WAIT: ("Retrying", "retrying"),
    Phase.SNOOZED: ("Sleeping", "scheduled"),
    Phase.WAITING: ("Waiting", "scheduled"),
    Phase.BLOCKED: ("Waiting", "scheduled"),
    Phase.HELD: ("Held", "scheduled"),
}


_WRITTEN: Final[Mapping[str, Callable[[datetime, datetime], str]]] = {
    "ago": words.ago,
    "clock": lambda moment, _now: words.clock(moment),
    "stamp": lambda moment, _now: words.stamp(moment),
}


def when(moment: datetime, now: datetime, kind: str = "ago") -> Markup:
    """Return a moment as a `time` element; the page shows it in the reader's zone."""
    text = _WRITTEN[kind](moment, now)
    return Markup('<time datetime="{}" data-as="{}" title="{} UTC">{}</time>').format(
        moment.isoformat(timespec="milliseconds"), kind, words.stamp(moment), text
    )


def name_of(job: Job) -> str:
    """Return the word for what a job does: Ready, Running, Failed."""
    return WAITING[job.phase][0] if job.phase in WAITING else NAMES[job.status]


def sign_of(job: Job) -> str:
    """Return the name of the sign of what a job does."""
    return WAITING[job.phase][1] if job.phase in WAITING else job.status.lower()


@dataclass(frozen=True, slots=True)
class Verdict:
    """Says what became of a job."""

    job: Job
    attempts: list[Attempt]
    why: str  # what `explain` says

    def sentence(self) -> Markup:
        """Return the sentence."""
        job = self.job
        if job.status is _SUCCEEDED:
            return self._succeeded()
        if job.status is _CANCELED:
            return self._canceled()
        if job.status is _TIMEOUT:
            return self._timed_out()
        if job.status is _FAILED:
            return self._failed()
        return self._running() if job.status is _RUNNING else self._waiting()

    def _ended(self) -> Markup:
        job = self.job
        said = Markup("<b>{}</b>").format(NAMES[job.status])
        if job.finished_at is None:
            return said
        return said + Markup(" ") + when(job.finished_at, job.read_at)

    def _tries(self) -> str:
        most = self.job.retry.max_attempts
        return f"attempt {self.job.attempt}" + (f" of {most}" if most > 1 else "")

    def _succeeded(self) -> Markup:
        which = f", on {self._tries()}" if self.job.attempt > 1 else ""
        length = f", in {words.span(self.job.duration)}" if self.job.duration else ""
        return self._ended() + f"{length}{which}."

    def _canceled(self) -> Markup:
        job = self.job
        by = job.cancel_requested_by
        if by is None:
            return self._ended() + Markup(": {}").format(_meaning(job.reason))
        reason = Redaction(job).text(job.cancel_reason or "")
        said = self._ended() + Markup(" by <b>{}</b>").format(by)
        said += f": “{reason}”." if reason else "."
        if job.attempt == 0:
            return said + " It had not started."
        if job.proof is None:
            return said
        return said + f" It ran for {words.span(job.duration)}; {self._proof()}."

    def _proof(self) -> str:
        death = self.job.death
        gone = "all its processes are proved gone"
        if death is None or not death.killed:
            return gone
        many = "1 process" if death.killed == 1 else f"{death.killed} processes"
        return f"{many} had to be killed, and {gone}"

    def _timed_out(self) -> Markup:
        job = self.job
        if job.reason is Reason.TOO_LONG and job.timeout_s is not None:
            said = f": stopped at its limit of {words.span(job.timeout_s)}."
        else:
            said = f": {_meaning(job.reason)}"
        return self._ended() + said + self._last()

    def _failed(self) -> Markup:
        error = self.job.error
        if error is None:
            return self._ended() + f": {_meaning(self.job.reason)}"
        said = self._ended() + Markup(": <code>{}</code>").format(self._error())
        found = own(frames(error.traceback))
        if found:
            place = Markup(" in your code at <code>{}</code>").format(found[0].place)
            said += place
        return said + "." + self._last()

    def _error(self) -> str:
        job = self.job
        if job.error is None:
            return ""
        message = Redaction(job).text(job.error.message.partition("\n")[0])
        kind = (job.error.type or "").rpartition(".")[2]
        text = f"{kind}: {message}" if kind else message
        return text if len(text) <= _LONG else f"{text[:_LONG]}…"

    def _last(self) -> str:
        """Say that no attempt follows."""
        most, did = self.job.retry.max_attempts, self.job.failures
        if self.job.attempt <= 1:
            return "" if most == 1 else " It is not retried after this."
        if did >= most:
            return f" All {did} attempts failed, so it will not run again by itself."
        return " It will not run again by itself."

    def _running(self) -> Markup:
        job = self.job
        if job.phase is not Phase.EXECUTING:
            return Markup("<b>Stopping</b>: {}").format(self.why)
        said = Markup("<b>Running</b> for {}, {}").format(
            words.span(job.duration), self._tries()
        )
        return said + Markup(", on worker <code>{}</code>.").format(job.worker_id or "")

    def _waiting(self) -> Markup:
        job = self.job
        reasons = self.why.removeprefix("Waiting: ").split(" Also: ")
        said = Markup("<b>{}</b>").format(WAITING[job.phase][0])
        if job.phase is Phase.QUEUED:
            said += Markup(" since {}").format(when(job.run_at, job.read_at))
        elif job.phase is Phase.RETRY_WAIT:
            reasons = reasons[1:]  # the first one says the same
            said += Markup(" {}, {} failed with <code>{}</code>").format(
                when(job.run_at, job.read_at), self._tries(), self._error()
            )
        elif job.phase is Phase.SCHEDULED:
            reasons = reasons[1:]
            said += Markup(": starts {}").format(when(job.run_at, job.read_at))
        elif job.phase is Phase.HELD:
            reasons = reasons[1:]
            said += self._held()
        also = " Also: ".join(_sentence(reason) for reason in reasons)
        return said + Markup(". {}").format(also)

    def _held(self) -> Markup:
        job = self.job
        said = Markup(" by <b>{}</b>").format(job.hold_by or "")
        if job.hold_reason:
            said += f": “{Redaction(job).text(job.hold_reason)}”"
        if job.hold_until is not None:
            return said + ", until " + when(job.hold_until, job.read_at, "stamp")
        return said + ", until somebody releases it"


def _sentence(text: str) -> str:
    """Return a sentence with its full stop, unless a command stands at its end."""
    text = text[:1].upper() + text[1:]
    return text if text.endswith(".") or "interlock " in text else f"{text}."


def _meaning(reason: Reason | None) -> str:
    meaning = "" if reason is None else REASON_MEANING[reason].replace("`", "")
    return meaning[:1].lower() + meaning[1:]


def in_short(job: Job) -> str:
    """Return one line on what happened to a job, for a table."""
    verdict = Verdict(job, [], "")
    if job.status is _CANCELED:
        by, reason = job.cancel_requested_by, job.cancel_reason
        if by is None:
            return _meaning(job.reason)
        return Redaction(job).text(f"by {by}: “{reason}”" if reason else f"by {by}")
    if job.status is _SUCCEEDED:
        return "" if job.result is None else _in_json(job)
    if job.status is _FAILED and job.error is not None:
        found = own(frames(job.error.traceback))
        place = f" · {found[0].place.rpartition('/')[2]}" if found else ""
        return verdict._error() + place  # noqa: SLF001  (of this module)
    if job.status.is_terminal:
        return _meaning(job.reason)
    return _of_live(job, verdict._error())  # noqa: SLF001


def _in_json(job: Job) -> str:
    text = Redaction(job).within(job.result)
    written = text if isinstance(text, str) else json.dumps(text, ensure_ascii=False)
    return written[:_LONG]


def _of_live(job: Job, error: str) -> str:
    if job.status is _RUNNING:
        return progress(job) or job.phase.replace("_", " ").capitalize()
    later = words.span(job.run_at - job.read_at)
    said = {
        Phase.QUEUED: f"ready for {words.span(job.read_at - job.run_at)}",
        Phase.RETRY_WAIT: f"again in {later} · {error}",
        Phase.HELD: f"held by {job.hold_by}: {job.hold_reason or ''}",
        Phase.BLOCKED: "waits for other jobs",
        Phase.WAITING: f"waits for the {(job.waits_for or '').replace(':', ' ')}",
    }
    return Redaction(job).text(said.get(job.phase, f"starts in {later}"))


def progress(job: Job) -> str:
    """Return how far a job is: `training: 61 of 200 epochs, 31 %`."""
    now = job.progress
    if now is None:
        return ""
    parts = []
    if now.completed is not None:
        of = f" of {now.total:,g}" if now.total else ""
        parts.append(f"{now.completed:,g}{of} {now.unit or ''}".strip())
    if now.completed is not None and now.total:
        parts.append(words.share(now.completed, now.total))
    parts += [now.message] if now.message else []
    text = ", ".join(parts)
    text = f"{now.phase}: {text}" if now.phase and text else now.phase or text
    return Redaction(job).text(text)


def is_bad(status: JobStatus) -> bool:
    """Whether jobs with a status need somebody's look."""
    return status in (_FAILED, _TIMEOUT)
