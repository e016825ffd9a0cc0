"""Durable steps: what a job does once, whatever becomes of its attempts."""

import inspect
import json
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

from interlock.core.bounds import check_seconds
from interlock.core.errors import InvalidOption, SignalTimeout, StepMismatch
from interlock.core.lifecycle import Reason
from interlock.core.records import SIGNAL
from interlock.jobs import outcome
from interlock.jobs.registry import codec_of
from interlock.jobs.signal_tokens import KIND, SignalToken
from interlock.jobs.suspension import refuse_thread, suspend

_MAX_NAME: Final = 200
_SLEEP: Final = "sleep"


class Desk(Protocol):
    """The worker's side: it reads and writes the steps of a job."""

    def look(self, kind: str, name: str, use: str) -> Mapping[str, Any] | None:
        """Return a step (`value`, `function`, `digest`, `age_s`), None: not done."""
        ...

    def keep(self, kind: str, name: str, use: str, step: Mapping[str, Any]) -> None:
        """Store a step (`value`, `function`, `digest`).

        Raises:
            LeaseLost: the attempt has lost the job.
        """
        ...

    def submit(
        self, name: str, use: str, order: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        """Submit jobs once; return their `id`, or their `group` and its `name`.

        Raises:
            StepMismatch: an earlier attempt has submitted something else here.
        """
        ...

    def wait_for(self, wanted: Mapping[str, object]) -> int:
        """Have the next attempt wait for jobs (`ids`, `group`); return how many live.

        Raises:
            LeaseLost: the attempt has lost the job.
            InvalidOption: one of them waits for this job.
        """
        ...

    def results(self, wanted: Mapping[str, object], after: int) -> Mapping[str, Any]:
        """Return some `results` (name, id, JSON) of ended jobs, and `after`.

        Raises:
            JobFailed, JobCanceled, JobTimedOut: the first that has none.
        """
        ...

    def signal(self, name: str, use: str, timeout: float | None) -> Mapping[str, Any]:
        """Return `payload`, or `timed_out`, or `delay_s` to wait (None: for ever)."""
        ...


class Steps:
    """The steps of the attempt that runs here."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._uses: Counter[tuple[str, object]] = Counter()

    def run(
        self,
        name: str,
        function: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        key: str | None,
    ) -> Any:
        """See `JobContext.step`."""
        _check_name(name)
        use = self._use("step", name, key)
        about = {
            "function": _name_of(function),
            "digest": digest([args, dict(kwargs)]),
        }
        done = self._desk.look("step", name, use)

        def keep(value: Any) -> Any:
            plain = json.loads(outcome.result_text(value, _codec(function)))
            self._desk.keep("step", name, use, {"value": plain, **about})
            return _decoded(function, plain)

        async def awaited() -> Any:
            if done is not None:
                return _decoded(function, same(name, done, about))
            return keep(await function(*args, **kwargs))

        if inspect.iscoroutinefunction(function):
            return awaited()
        if done is not None:
            return _decoded(function, same(name, done, about))
        return keep(function(*args, **kwargs))

    def submit(self, name: str, order: Mapping[str, Any]) -> Mapping[str, Any]:
        """Submit jobs once; a later attempt gets the same ones. See `Desk.submit`."""
        return self._desk.submit(name, self._use("submit", name), order)

    def signal_token(self, job_id: str, name: str) -> str:
        """See `JobContext.signal_token`."""
        import secrets  # noqa: PLC0415  (no other job needs it)

        _check_name(name)
        use = self._use(KIND, name)
        done = self._desk.look(KIND, name, use)
        secret = secrets.token_urlsafe(24) if done is None else str(done["value"])
        if done is None:
            self._desk.keep(KIND, name, use, {"value": secret})
        return SignalToken(job_id, use, secret, name).text()

    def await_jobs(self, wanted: Mapping[str, object]) -> None:
        """Give the job back until jobs have ended, unless they have."""
        refuse_thread()
        if self._desk.wait_for(wanted):
            suspend(Reason.CHILDREN, 0.0)

    def results(self, wanted: Mapping[str, object]) -> list[tuple[str, str, Any]]:
        """Return the names, ids and results of jobs that have ended, in their order."""
        found: list[tuple[str, str, Any]] = []
        after: int | None = -1
        while after is not None:
            page = self._desk.results(wanted, after)
            found += [(name, job_id, value) for name, job_id, value in page["results"]]
            after = page["after"]
        return found

    def _use(self, kind: str, name: str, key: str | None = None) -> str:
        if key is not None:
            return f"key:{key}"
        number = self._uses[kind, name]
        self._uses[kind, name] += 1
        return str(number)

    def save(self, value: Any) -> None:
        """See `JobContext.save`."""
        plain = json.loads(outcome.result_text(value, None))
        self._desk.keep("saved", "", "", {"value": plain})

    @property
    def saved(self) -> Any:
        """See `JobContext.saved`."""
        done = self._desk.look("saved", "", "")
        return None if done is None else done["value"]

    def sleep(self, seconds: float) -> None:
        """See `JobContext.sleep`."""
        check_seconds("seconds", seconds)
        use = self._use(_SLEEP, "")
        done = self._desk.look(_SLEEP, "", use)
        if done is None:
            self._desk.keep(_SLEEP, "", use, {"value": seconds})
            suspend(Reason.SLEEPING, seconds)
        elif done["value"] > done["age_s"]:  # it was lost before it could sleep
            suspend(Reason.SLEEPING, done["value"] - done["age_s"])

    def await_signal(self, name: str, timeout: float | None) -> Any:
        """See `JobContext.await_signal`."""
        if timeout is not None:
            check_seconds("timeout", timeout)
        _check_name(name)
        use = self._use("signal", name)
        found = self._desk.signal(name, use, timeout)
        if "payload" in found:
            return found["payload"]
        if found.get("timed_out"):
            raise SignalTimeout(name, found["timed_out"])
        suspend(Reason.WAITING, found["delay_s"], f"{SIGNAL}{name}")
        return None


def _check_name(name: object) -> None:
    fits = isinstance(name, str) and 0 < len(name) <= _MAX_NAME and name.isprintable()
    if not fits:
        allowed = f"1 to {_MAX_NAME} printable characters"
        raise InvalidOption("name", name, allowed)


def _codec(function: Callable[..., Any]) -> Any:
    try:
        return codec_of(function)
    except (InvalidOption, TypeError, ValueError):  # a lambda, a builtin, a partial
        return None


def _decoded(function: Callable[..., Any], value: Any) -> Any:
    codec = _codec(function)
    return value if codec is None else codec.result.from_json(value)


def _name_of(function: Callable[..., Any]) -> str:
    module = getattr(function, "__module__", None) or ""
    name = getattr(function, "__qualname__", None) or type(function).__qualname__
    return f"{module}.{name}"[:_MAX_NAME]


def digest(arguments: object) -> str | None:
    """Return a digest of arguments; None if they are no JSON: nothing is compared."""
    from hashlib import sha256  # noqa: PLC0415  (no other job needs it)

    try:
        text = json.dumps(arguments, sort_keys=True, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        return None
    return sha256(text.encode()).hexdigest()[:32]


def same(name: str, done: Mapping[str, Any], about: Mapping[str, Any]) -> Any:
    """Return the value of a step that is the one which was done.

    Raises:
        StepMismatch: it called another function, or had other arguments.
    """
    other = done["function"] not in (None, about["function"])
    digests = {done["digest"], about["digest"]}
    if other or (None not in digests and len(digests) > 1):
        what = f"called {done['function']}" if other else "had other arguments"
        raise StepMismatch(
            f"The step {name!r} {what} in an earlier attempt. A job must do its steps "
            "in the same order, with the same arguments: compute what changes, such as "
            "the time, in a step of its own. Give a changed step another name."
        )
    return done["value"]
