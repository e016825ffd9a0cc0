"""Whatever stands in a public signature has a public name."""

import inspect
from collections.abc import Iterator
from typing import Any, get_args, get_origin, get_type_hints

import pytest

import interlock
from interlock import ports

#: Names that annotations use and that only type checkers import where they stand.
_CHECKERS: dict[str, Any] = {
    name: getattr(interlock, name) for name in interlock.__all__
}
#: What an application never names: it gets them from a public name.
_UNNAMED = {
    "AsyncKeeper",  # an `AsyncEngine`, as its handles have it
    "AsyncMonitor",  # `AsyncEngine.monitor`
    "JobClient",  # the engine, as a running job has it
    "Keeper",  # an `Engine`, as its handles have it
    "Monitor",  # `Engine.monitor`
    "Schedules",  # `Engine.schedules`
    "AsyncSchedules",  # `AsyncEngine.schedules`
    "P",  # a ParamSpec
    "Waiting",  # `Monitor.waiter`
}


def _classes(hint: Any) -> Iterator[type]:
    if isinstance(hint, list | tuple):
        for each in hint:
            yield from _classes(each)
        return
    if isinstance(hint, type) and get_origin(hint) is None:
        yield hint
    yield from _classes(get_args(hint))


def _functions(owner: type) -> Iterator[Any]:
    for name, attribute in inspect.getmembers_static(owner):
        if name.startswith("_") and name != "__init__":
            continue
        member = getattr(attribute, "fget", None) or getattr(
            attribute, "__func__", attribute
        )
        if inspect.isfunction(member):
            yield member


def _hints(function: Any) -> dict[str, Any]:
    try:
        return get_type_hints(function, localns=_CHECKERS)
    except NameError as unknown:  # of another module, which only checkers import
        names = {**_CHECKERS, str(unknown.name): object}
        return get_type_hints(function, localns=names)


def _unnamed(public: Any) -> set[str]:
    places = [public]
    if isinstance(public, type):
        places += _functions(public)
    return {
        kind.__name__
        for place in places
        if inspect.isfunction(place) or isinstance(place, type)
        for name, hint in _hints(place).items()
        if not name.startswith("_")
        for kind in _classes(hint)
        if kind.__module__.startswith("interlock")
    } - {*interlock.__all__, *ports.__all__, *_UNNAMED}


@pytest.mark.parametrize("name", interlock.__all__)
def test_what_stands_in_a_public_signature_is_public(name: str) -> None:
    assert _unnamed(getattr(interlock, name)) == set()


@pytest.mark.parametrize("name", ports.__all__)
def test_what_stands_in_a_ports_signature_is_public(name: str) -> None:
    assert _unnamed(getattr(ports, name)) == set()


def test_the_engine_has_one_page_of_members() -> None:
    members = [name for name in dir(interlock.Engine) if not name.startswith("_")]
    assert len(members) <= 47
