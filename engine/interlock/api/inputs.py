"""What a job gets of the jobs that it depends on: `current_job().inputs`.

The worker reads the results, a page at a time, and the job decodes them.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from itertools import groupby
from typing import Any, Final, NamedTuple

from interlock.api.results import decoded
from interlock.core.job import Job
from interlock.core.lifecycle import Event, row_of
from interlock.jobs import serialize
from interlock.ports.store import JobStore

_PAGE: Final = 500
BYTES: Final = 1024 * 1024  # of a page, about; one result has at most as many
_SUCCEEDED: Final = row_of(Event.SUCCEED).target


class Input(NamedTuple):
    """The result of one job, as JSON."""

    name: str | None  # None: they have no names
    job_id: str
    group_id: str | None  # it is one of a group, which is one input
    job: str | None  # the name of its function; None: it has no result
    result: Any


class Inputs(NamedTuple):
    """A page of them, and what to ask for the next one; None: there is none."""

    inputs: Sequence[Input]
    after: int | None


def page(store: JobStore, job_id: str, after: int) -> Inputs:
    """Return the results of some jobs that a job depends on."""
    asking = store.get(job_id)
    if asking.finalizes is not None:
        return _of_attempt(store, asking)
    inputs: list[Input] = []
    many = 0
    found = store.dependencies(job_id, after=after, limit=_PAGE)
    for linked in found:
        edge, parent = linked.dependency, linked.job
        if edge.awaited_by is not None:  # these come last, and are no inputs
            return Inputs(inputs, None)
        has_result = parent is not None and parent.status is _SUCCEEDED
        job = parent.name if parent is not None and has_result else None
        result = parent.result if parent is not None and has_result else None
        inputs.append(Input(edge.name, edge.parent_id, edge.group_id, job, result))
        after = edge.position
        many += size(result)
        if many > BYTES:
            return Inputs(inputs, after)
    return Inputs(inputs, after if len(found) == _PAGE else None)


def _of_attempt(store: JobStore, job: Job) -> Inputs:
    """Return what a finalizer is told of the attempt after which it cleans up."""
    attempts = store.attempts(str(job.parent_id))
    ended = next((each for each in attempts if each.attempt == job.finalizes), None)
    told = {} if ended is None else serialize.plain(asdict(ended))
    values = {name: told.get(name) for name in ("attempt", "outcome", "error", "death")}
    return Inputs(
        [Input(n, job.id, None, "", value) for n, value in values.items()], None
    )


def size(value: Any) -> int:
    """Return about how many bytes of JSON a value has."""
    if isinstance(value, str):
        return len(value) + 2
    if isinstance(value, Mapping):
        return sum(len(key) + 4 + size(item) for key, item in value.items())
    if isinstance(value, list):
        return sum(1 + size(item) for item in value)
    return 8


def collected(
    ask: Callable[[int], Inputs],
) -> list[Any] | dict[str, Any]:
    """Return all inputs of a job, which `ask` returns page by page.

    Raises:
        InvalidResult: one does not fit the function that is here.
    """
    found: list[Input] = []
    after: int | None = -1
    while after is not None:
        some, after = ask(after)
        found += some
    values = [
        (kind, [_value(each) for each in some]) for kind, some in groupby(found, _kind)
    ]
    if found and found[0].name is not None:
        return {str(name): _one(group, some) for (name, group), some in values}
    return [
        value
        for (_, group), some in values
        for value in ([some] if group is not None else some)
    ]


def _kind(each: Input) -> tuple[str | None, str | None]:
    return each.name, each.group_id


def _one(group_id: str | None, values: list[Any]) -> Any:
    return values[0] if group_id is None else values


def _value(each: Input) -> Any:
    return None if each.job is None else decoded(each.job, each.job_id, each.result)
