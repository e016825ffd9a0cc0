"""Calls of jobs, which are submitted together."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from interlock.jobs.registry import JobFunction

R_co = TypeVar("R_co", covariant=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call(Generic[R_co]):
    """One call of a job: what `submit_many` takes."""

    job: "JobFunction[..., R_co]"
    params: Mapping[str, object]
