"""The jobs that workers publish, so that clients can submit without importing them.

A worker registers each job's name with the JSON Schema of its parameters and the
options of its `@job`. The worker's code decides: the job checks its parameters again
when it starts.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, cast

from interlock.core.errors import InterlockError, InvalidParams, UnknownJobName
from interlock.core.job import Job
from interlock.core.limits import Limit
from interlock.core.records import WorkerInfo
from interlock.core.retry import Retry
from interlock.jobs.options import Options
from interlock.jobs.registry import JobFunction, registered
from interlock.jobs.secret_names import is_secret

if TYPE_CHECKING:
    from interlock.jobs.codecs import Codec

_LEASE_S: Final = 30.0  # of workers that do not say theirs
_LEASES: Final = 2  # without a word, and a worker counts as gone
_MAX_PROBLEMS: Final = 20


def describe(jobs: Mapping[str, JobFunction[..., object]]) -> dict[str, object]:
    """Return the published description of each job, by name, as JSON."""
    from interlock.jobs.codecs import codec  # noqa: PLC0415  (pydantic: where it is needed)

    return {
        name: {
            "params": _parameters(codec(job.function), job.secret),
            "options": _to_json(job.defaults),
            "secret": sorted(job.secret),
            "concurrency": [asdict(limit) for limit in job.concurrency],
            "fairness_key": job.fairness_key,
            "exclusive": None if job.exclusive is None else list(job.exclusive),
            "finalizer": job.finalizer,
        }
        for name, job in jobs.items()
    }


def _parameters(codec: "Codec", secret: Iterable[str]) -> dict[str, object]:
    """Return the JSON Schema of parameters, with their defaults but for secrets."""
    schema: dict[str, Any] = codec.schema()
    for name, default in codec.defaults().items():
        if name in schema["properties"] and not is_secret(name, frozenset(secret)):
            schema["properties"][name] |= {"default": default}
    return schema


def _to_json(options: Options) -> dict[str, object]:
    retry = options.get("retry")
    return {**options, "retry": None if retry is None else retry.to_json()}


def live(workers: Iterable[WorkerInfo], now: datetime) -> list[WorkerInfo]:
    """Return the workers whose last heartbeat is recent."""
    return [
        worker
        for worker in workers
        if now - worker.seen_at
        <= timedelta(seconds=_LEASES * (worker.lease_s or _LEASE_S))
    ]


def is_known(name: str, workers: Iterable[WorkerInfo]) -> bool:
    """Whether a worker knows, or may know, a job name: old workers publish nothing."""
    return any(worker.jobs is None or name in worker.jobs for worker in workers)


def misfit(schema: Mapping[str, Any], params: Mapping[str, object]) -> str | None:
    """Return why parameters, by their names, are not those of a schema; None: they are.

    Their types are checked by the job when it starts.
    """
    problems = [
        f"{name} is missing" for name in schema["required"] if name not in params
    ]
    if schema["additionalProperties"] is False:
        known = schema["properties"]
        problems += [f"{name} is unexpected" for name in params if name not in known]
    return ", ".join(problems) or None


def misfit_everywhere(job: Job, workers: Iterable[WorkerInfo]) -> str | None:
    """Return why no worker's code fits a job; None: some does, or may, or is not there.

    The newest worker's reason.
    """
    newest = sorted(workers, key=lambda worker: worker.started_at, reverse=True)
    problems = []
    for worker in newest:
        if worker.jobs is None:
            return None
        published: Any = worker.jobs.get(job.name)
        if published is not None:
            problem = misfit(published["params"], job.params)
            if problem is None:
                return None
            problems.append(problem)
    return problems[0] if problems else None


@dataclass(frozen=True, kw_only=True)
class PublishedJob(JobFunction[..., object]):
    """A job whose function is not imported here, as a running worker publishes it."""

    schema: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def checked(self, params: Mapping[str, object]) -> dict[str, object]:
        """Check parameters against the schema, and return them.

        Raises:
            InvalidParams: with one line for each problem.
        """
        problems = self._problems(params, self.schema)
        if problems:
            raise InvalidParams(self.name, problems[:_MAX_PROBLEMS])
        return dict(params)

    def _problems(
        self, params: Mapping[str, object], schema: Mapping[str, Any]
    ) -> list[str]:
        from jsonschema import Draft202012Validator as Validator  # noqa: PLC0415

        validator = Validator(schema, format_checker=Validator.FORMAT_CHECKER)
        return [self._problem(error) for error in validator.iter_errors(dict(params))]

    def defaults_of_parameters(self) -> dict[str, object]:
        """See `JobFunction.defaults_of_parameters`."""
        properties = self.schema["properties"].items()
        return {name: each["default"] for name, each in properties if "default" in each}

    def _parameters(self) -> list[str] | None:
        if self.schema.get("additionalProperties") is not False:
            return None
        return list(self.schema["properties"])

    def takes(self, name: str, value: object) -> bool:
        """Whether a parameter accepts a value."""
        properties = self.schema["properties"]
        additional = self.schema["additionalProperties"]
        schema = {**self.schema, "required": []}
        if name not in properties and additional is False:
            return False
        return not self._problems({name: value}, schema)

    def _problem(self, error: Any) -> str:
        path = ".".join(str(part) for part in error.absolute_path)
        name = path.partition(".")[0]
        if name in self.secret:  # the words would show the value
            return f"{path}: it does not fit its schema"
        return f"{path}: {error.message}" if path else str(error.message)


def find(name: str, workers: Iterable[WorkerInfo], now: datetime) -> PublishedJob:
    """Return the job of a name as the newest running worker publishes it.

    Raises:
        UnknownJobName: no running worker knows the name.
    """
    running = live(workers, now)
    newest = sorted(running, key=lambda worker: worker.started_at, reverse=True)
    for worker in newest:
        published: Any = (worker.jobs or {}).get(name)
        if published is not None:
            options = dict(published["options"])
            retry = options.pop("retry", None)
            if retry is not None:
                options["retry"] = Retry.from_json(retry)
            return PublishedJob(
                function=_elsewhere,
                name=name,
                defaults=cast("Options", options),
                secret=frozenset(published["secret"]),
                schema=published["params"],
                concurrency=tuple(
                    Limit(**each) for each in published.get("concurrency", ())
                ),
                exclusive=_tuple(published.get("exclusive")),
                fairness_key=published.get("fairness_key"),
                finalizer=published.get("finalizer"),
            )
    names = {*registered(), *(name for worker in running for name in worker.jobs or ())}
    raise UnknownJobName(name, names)


def _tuple(names: Iterable[str] | None) -> tuple[str, ...] | None:
    return None if names is None else tuple(names)


def _elsewhere(**_params: object) -> object:
    raise InterlockError(
        "The function of this job is not imported here. Submit the job instead."
    )
