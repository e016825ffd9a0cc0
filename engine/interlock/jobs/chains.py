"""Chains: calls of which each depends on the one before it."""

from typing import Any

from interlock.core.errors import InvalidOption
from interlock.jobs.call import Call


def chain(*calls: Call[Any]) -> list[Call[Any]]:
    """Return calls of which each depends on the one before it, for `submit_many`.

    The result of the one before is in `current_job().inputs`, before what the call
    depends on besides.

    Example:
        fetched, parsed = engine.submit_many(chain(fetch.call(url), parse.call()))

    Raises:
        InvalidOption: an element is no call, or depends on others by name.
    """
    linked: list[Call[Any]] = []
    for call in calls:
        if not isinstance(call, Call):
            raise InvalidOption("chain", call, "calls, such as job.call(...)")
        if linked:
            others = call.job.defaults.get("depends_on") or []
            if not isinstance(others, list | tuple):
                allowed = "a list, before which the job before comes"
                raise InvalidOption("depends_on", others, allowed)
            job = call.job.options(depends_on=[linked[-1], *others])
            call = Call(job=job, params=call.params)  # noqa: PLW2901  (the linked one)
        linked.append(call)
    return linked
