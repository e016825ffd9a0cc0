"""What a job depends on, as a submit names it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from interlock.core.dependencies import MAX_DEPENDENCIES, Dependency
from interlock.core.errors import InvalidOption
from interlock.jobs.call import Call, DependsOn, Parent

_MAX_TEXT: Final = 255
_ALLOWED: Final = (
    "a list of handles or ids of jobs, such as [handle], a dict that names them, such "
    'as {"left": handle}, or a group'
)


#: Before the id of a group, where it is written as text.
GROUP: Final = "group:"


class Wanted(NamedTuple):
    """One job that another one depends on."""

    name: str | None
    parent_id: str
    group_id: str | None = None  # it is one of this group, which counts as one input


def check(depends_on: object) -> None:
    """Check the option. Raises InvalidOption."""
    is_named = isinstance(depends_on, Mapping)
    is_listed = isinstance(depends_on, Sequence) and not isinstance(depends_on, str)
    if _is_group(depends_on):
        return
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
    _refuse_too_many(many)


def _refuse_too_many(many: int) -> None:
    if many > MAX_DEPENDENCIES:
        allowed = f"at most {MAX_DEPENDENCIES} jobs"
        raise InvalidOption("depends_on", f"{many} jobs", allowed)


def _is_text(value: object) -> bool:
    return (
        isinstance(value, str) and 0 < len(value) <= _MAX_TEXT and value.isprintable()
    )


def _is_group(parent: object) -> bool:
    if isinstance(parent, str):
        return parent.startswith(GROUP)
    return hasattr(parent, "members")


def _each(depends_on: Any) -> Iterator[tuple[str | None, Parent]]:
    if isinstance(depends_on, Mapping):
        yield from depends_on.items()
    else:
        yield from ((None, parent) for parent in depends_on)


def _id(parent: object) -> object:
    """Return the id of a job, or a group as text; None if it is neither."""
    if isinstance(parent, str):
        return parent
    found = getattr(parent, "id", None)
    return f"{GROUP}{found}" if _is_group(parent) else found


def as_json(depends_on: DependsOn, numbers: Mapping[int, int]) -> object:
    """Return the same as JSON: with ids, and with the numbers of calls, by `id(call)`.

    Raises:
        InvalidOption: a call has no number.
    """
    if _is_group(depends_on):
        return _id(depends_on)
    if isinstance(depends_on, Mapping):
        return {name: _sent(parent, numbers) for name, parent in depends_on.items()}
    return [_sent(parent, numbers) for _, parent in _each(depends_on)]


def _sent(parent: Parent, numbers: Mapping[int, int]) -> object:
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


def resolved(
    depends_on: DependsOn | None,
    earlier: Mapping[int, str],
    members: Callable[[str], Sequence[str]],
) -> list[Wanted]:
    """Return the jobs that a new job depends on, in their order.

    Args:
        depends_on: what it depends on.
        earlier: ids of the calls that come before it in the same submit, by `id(call)`.
        members: returns the ids of the jobs of a group.

    Raises:
        InvalidOption: a call is none of these, or a group is open or has no job.
        GroupNotFound: no group has an id.
    """
    if depends_on is None:
        return []
    if _is_group(depends_on):
        group_id = str(_id(depends_on)).removeprefix(GROUP)
        found = [Wanted(None, parent_id) for parent_id in members(group_id)]
    else:
        found = []
        for name, parent in _each(depends_on):
            found += _found(name, parent, earlier, members)
    _refuse_too_many(len(found))
    return found


def _found(
    name: str | None,
    parent: Parent,
    earlier: Mapping[int, str],
    members: Callable[[str], Sequence[str]],
) -> list[Wanted]:
    if isinstance(parent, Call):
        if id(parent) not in earlier:
            raise _not_before(parent)
        return [Wanted(name, earlier[id(parent)])]
    if not _is_group(parent):
        return [Wanted(name, str(_id(parent)))]
    group_id = str(_id(parent)).removeprefix(GROUP)
    ids = members(group_id)
    if not ids:
        raise InvalidOption("depends_on", group_id, "groups that have a job")
    return [Wanted(name, parent_id, group_id) for parent_id in ids]


def edges(job_id: str, wanted: Sequence[Wanted]) -> list[Dependency]:
    """Return the dependencies of a new job."""
    return [
        Dependency(
            job_id=job_id,
            position=position,
            parent_id=each.parent_id,
            name=each.name,
            group_id=each.group_id,
        )
        for position, each in enumerate(wanted)
    ]
