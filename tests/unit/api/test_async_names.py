"""`AsyncEngine` has every name of `Engine`, with the same parameters."""

from __future__ import annotations

import inspect
from typing import Any, get_overloads

import pytest

from interlock import AsyncEngine, AsyncJobHandle, Engine, JobHandle
from interlock.api.async_group import AsyncGroup
from interlock.api.async_monitor import AsyncMonitor
from interlock.api.async_schedules import AsyncSchedules
from interlock.api.group import Group
from interlock.api.monitor import Monitor
from interlock.api.schedules import Schedules

#: What is entered, not awaited.
_BLOCKS = {"together", "worker"}
_PAIRS = [
    (sync, awaited, name)
    for sync, awaited in (
        (Engine, AsyncEngine),
        (Monitor, AsyncMonitor),
        (Schedules, AsyncSchedules),
    )
    for name in dir(sync)
    if not name.startswith("_") and (sync, name) != (Monitor, "close")
]


def _method(of: type, name: str) -> Any:
    member = inspect.getattr_static(of, name)
    member = member.fget if isinstance(member, property) else member
    return getattr(member, "__func__", member)


def _returned(signature: inspect.Signature) -> str:
    return inspect.formatannotation(signature.return_annotation)


@pytest.mark.parametrize(("near", "far", "name"), _PAIRS)
def test_a_method_of_the_engine_is_awaited_with_the_same_parameters(
    near: type, far: type, name: str
) -> None:
    assert name in vars(far), f"{far.__name__} lacks {name}"
    sync, awaited = _method(near, name), _method(far, name)
    assert inspect.iscoroutinefunction(awaited) == (name not in _BLOCKS)
    ways = list(zip(get_overloads(sync), get_overloads(awaited), strict=True))
    for one, other in ways or [(sync, awaited)]:
        mine, its = inspect.signature(other), inspect.signature(one)
        assert list(map(str, mine.parameters.values())) == list(
            map(str, its.parameters.values())
        )
        if name not in _BLOCKS:
            expected = _returned(its).replace("JobHandle", "AsyncJobHandle")
            expected = expected.replace("group.Group", "async_group.AsyncGroup")
            assert _returned(mine) == expected


@pytest.mark.parametrize(
    "name", [name for name in dir(Group) if not name.startswith("_")]
)
def test_a_group_has_the_same_names_awaited(name: str) -> None:
    assert name in dir(AsyncGroup) or name in {"leave", "place", "unfinished", "ended"}


@pytest.mark.parametrize(
    "name", [name for name in dir(JobHandle) if not name.startswith("_")]
)
def test_a_handle_has_the_same_names_awaited(name: str) -> None:
    if callable(getattr(JobHandle, name)):
        sync, awaited = getattr(JobHandle, name), getattr(AsyncJobHandle, name)
        assert inspect.iscoroutinefunction(awaited)
        assert inspect.signature(awaited) == inspect.signature(sync)


def test_nothing_is_had_by_a_name_that_is_not_written_down() -> None:
    assert not hasattr(AsyncEngine, "__getattr__")
