"""Calls of jobs, which are submitted together; and what a job may depend on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from interlock.jobs.registry import JobFunction

R_co = TypeVar("R_co", covariant=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call(Generic[R_co]):
    """One call of a job: what `submit_many` takes."""

    job: "JobFunction[..., R_co]"
    params: Mapping[str, object]


class Submitted(Protocol):
    """What was submitted: a handle, a `Job`, or a `Group`."""

    @property
    def id(self) -> str:
        """The id of the job, or of the group."""
        ...


#: What one job may depend on.
Parent = str | Submitted | Call[Any]
DependsOn = Submitted | Sequence[Parent] | Mapping[str, Parent]
