"""What a job depends on, as a submit names it."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from interlock.core.dependencies import MAX_DEPENDENCIES, Dependency
from interlock.core.errors import InvalidOption
from interlock.jobs.call import Call

_MAX_TEXT: Final = 255
_ALLOWED: Final = (
    "a list of handles or ids of jobs, such as [handle], or a dict that names them, "
    'such as {"left": handle}'
)


if TYPE_CHECKING:
    from interlock.api.handle import AsyncJobHandle, JobHandle
    from interlock.core.job import Job

    #: One job that another one depends on.
    Parent = str | JobHandle[Any] | AsyncJobHandle[Any] | Job | Call[Any]
    DependsOn = Sequence[Parent] | Mapping[str, Parent]


def check(depends_on: object) -> None:
    """Check the option. Raises InvalidOption."""
    is_named = isinstance(depends_on, Mapping)
    is_listed = isinstance(depends_on, Sequence) and not isinstance(depends_on, str)
    if not (is_named or is_listed):
        raise InvalidOption("depends_on", depends_on, _ALLOWED)
    many = 0
    for name, parent in _each(depends_on):
        many += 1
        if name is not None and not _is_text(name):
            allowed = f"names of 1 to {_MAX_TEXT} printable characters"
            raise InvalidOption("depends_on", name, allowed)
        if not isinstance(parent, Call) and not _is_text(_id(parent)):
            raise InvalidOption("depends_on", parent, _ALLOWED)
    if many > MAX_DEPENDENCIES:
        allowed = f"at most {MAX_DEPENDENCIES} jobs"
        raise InvalidOption("depends_on", f"{many} jobs", allowed)


def _is_text(value: object) -> bool:
    return (
        isinstance(value, str) and 0 < len(value) <= _MAX_TEXT and value.isprintable()
    )


def _each(depends_on: Any) -> "Iterator[tuple[str | None, Parent]]":
    if isinstance(depends_on, Mapping):
        yield from depends_on.items()
    else:
        yield from ((None, parent) for parent in depends_on)


def _id(parent: object) -> object:
    return parent if isinstance(parent, str) else getattr(parent, "id", None)


def as_ids(
    depends_on: "DependsOn", numbers: Mapping[int, int]
) -> list[object] | dict[str, object]:
    """Return the same as JSON: with ids, and with the numbers of calls, by `id(call)`.

    Raises:
        InvalidOption: a call has no number.
    """
    if isinstance(depends_on, Mapping):
        return {name: _sent(parent, numbers) for name, parent in depends_on.items()}
    return [_sent(parent, numbers) for parent in depends_on]


def _sent(parent: "Parent", numbers: Mapping[int, int]) -> object:
    if not isinstance(parent, Call):
        return _id(parent)
    if id(parent) not in numbers:
        raise _not_before(parent)
    return numbers[id(parent)]


def _not_before(call: Call[Any]) -> InvalidOption:
    message = (
        f"A job depends on a call of {call.job.name} that does not come before it in "
        "the same submit_many. Put it there, or submit it first and depend on its "
        "handle. Nothing was stored."
    )
    return InvalidOption.because("depends_on", message)


def edges(
    job_id: str, depends_on: "DependsOn", earlier: Mapping[int, str]
) -> list[Dependency]:
    """Return the dependencies of a new job.

    Args:
        job_id: of the new job.
        depends_on: what it depends on.
        earlier: ids of the calls that come before it in the same submit, by `id(call)`.

    Raises:
        InvalidOption: a call is none of these.
    """
    found = []
    for position, (name, parent) in enumerate(_each(depends_on)):
        if isinstance(parent, Call):
            parent_id = earlier.get(id(parent))
            if parent_id is None:
                raise _not_before(parent)
        else:
            parent_id = str(_id(parent))
        found.append(
            Dependency(job_id=job_id, position=position, parent_id=parent_id, name=name)
        )
    return found
