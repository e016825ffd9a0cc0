"""`@job` refuses what cannot work, in words; nothing is registered then."""

import asyncio
import functools
import threading
import types
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import IO, Any, TextIO, TypeVar

import pytest

from interlock import Engine, InvalidOption, Limit, Retry, job
from interlock.jobs.registry import registered
from interlock.testing.inline import inline_engine

T = TypeVar("T")


@pytest.fixture(autouse=True)
def nothing_is_registered() -> Iterator[None]:
    before = registered()
    yield
    assert registered() == before


@job
def bare(left: int, right: int = 1) -> int:
    return left + right


@job()
def called() -> None: ...


@job(name="declared.later")
async def later(seconds: float) -> float:
    await asyncio.sleep(seconds)
    return seconds


def plain(password: str, size: int = 1) -> None: ...


class Holder:
    def method(self) -> None: ...

    @staticmethod
    def static() -> None: ...


def generator() -> Iterator[int]:
    yield 1


async def async_generator() -> AsyncIterator[int]:
    yield 1


def by_position(first: int, /) -> None: ...


def many(*numbers: int) -> None: ...


def test_a_job_needs_no_parentheses() -> None:
    assert (bare.name, called.name) == (f"{__name__}.bare", f"{__name__}.called")
    assert bare(1) == 2
    with inline_engine() as engine:
        assert engine.submit(bare, 1, right=2).result(0) == 3


def test_a_coroutine_function_is_a_job() -> None:
    assert registered()["declared.later"] is later


@pytest.mark.parametrize(
    ("function", "words"),
    [
        ("photos.f", r"@job\(name='photos.f'\)"),
        (functools.partial(plain, "x"), "partial"),
        (Holder, "not a class"),
        (Holder().method, "a worker has no object"),
        (Holder.method, "call this method on"),
        (Holder.static, "a worker has no object"),
        (Holder.__dict__["static"], "move it out of the class"),
        (len, "written in Python"),
        (Holder(), "not an object of type Holder"),
        (bare, "not an object of type JobFunction"),
        (5, "not an object of type int"),
        (lambda: None, "cannot find a lambda"),
        (generator, "do not yield"),
        (async_generator, "do not yield"),
        (by_position, "Invalid value for parameter: 'first'. Use a parameter that"),
        (many, r"parameter: '\*numbers'"),
    ],
)
def test_what_no_worker_could_call_is_refused(function: Any, words: str) -> None:
    with pytest.raises(InvalidOption, match=words):
        job(function)
    with pytest.raises(InvalidOption, match=words):
        job(name="declared.refused")(function)


def test_a_function_inside_of_another_is_refused() -> None:
    def inner() -> None: ...

    with pytest.raises(InvalidOption, match="inside another function"):
        job(inner)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"secret": "ssn"}, r'secret: \'ssn\'. Use a collection .*\("ssn",\)'),
        ({"secret": 5}, r'a collection of parameter names, such as \("password",\)'),
        ({"secret": ("passwort",)}, r"a parameter of the function \(password, size\)"),
        ({"isolation": "thread"}, '"process" or "fork" or "interpreter"'),
        ({"isolation": None}, "isolation: None"),
        ({"limits": 5}, "Invalid value for limits: 5. Use a mapping"),
        (
            {"limits": {"memory": 5}},
            "Invalid value for limits: 'memory'. Use one",
        ),
        ({"limits": {1: 5}}, "limits: 1. "),
        ({"limits": {"processes": 0}}, r"limits\['processes'\]: 0"),
        ({"privileges": "sudo"}, "privileges: 'sudo'. Use True or False"),
        ({"concurrency": "api"}, "concurrency: 'api'. Use a list of limits"),
        ({"concurrency": ["api"]}, "Use a list of limits"),
        ({"concurrency": [Limit("a", 1), Limit("a", 2)]}, "each with another key"),
        (
            {"concurrency": [Limit("a:{nobody}", 1)]},
            "concurrency: 'nobody'. Use a parameter of the function",
        ),
        ({"exclusive": "model"}, "exclusive: 'model'. Use True, False or names"),
        ({"exclusive": []}, r"exclusive: \[\]. Use True, False or names"),
        ({"exclusive": ["nobody"]}, "exclusive: 'nobody'. Use a parameter"),
        ({"when_full": "drop"}, "when_full: 'drop'. Use one of"),
        ({"fairness_key": "tenant"}, "fairness_key: 'tenant'. Use names"),
        ({"fairness_key": "{nobody}"}, "fairness_key: 'nobody'. Use a parameter"),
        ({"aging": 0}, "aging: 0. Use more than 0"),
        ({"retention": {"FAILED": "soon"}}, "retention"),
        ({"pass_env": "PATH"}, "pass_env: 'PATH'. Use a collection of names"),
        ({"pass_env": ["A=1"]}, "pass_env: 'A=1'. Use names of environment"),
        ({"pass_env": ["LC_*"]}, r"pass_env: 'LC_\*'. Use names of environment"),
        ({"pass_env": [""]}, "pass_env: ''. Use names of environment"),
        ({"pass_env": [5]}, "pass_env: 5. Use names of environment"),
        (
            {"pass_env": ["INTERLOCK_TOKEN"]},
            "pass_env: 'INTERLOCK_TOKEN'. Use variables of your own",
        ),
        (
            {"pass_env": ["PATH"], "isolation": "fork"},
            'pass_env is not possible with isolation="fork"',
        ),
        ({"run_as": ""}, "run_as: ''. Use the name of a user, or None"),
        ({"run_as": "a:b"}, "run_as: 'a:b'. Use the name"),
        ({"run_as": "a\0"}, "run_as: .*. Use the name"),
        ({"run_as": "\ud800"}, "run_as: .*. Use the name"),
        ({"run_as": 1000}, "run_as: 1000. Use the name"),
        ({"private_tmp": "yes"}, "private_tmp: 'yes'. Use True or False"),
        ({"private_tmp": None}, "private_tmp: None. Use True or False"),
        ({"limits": {"cpu_s": 0}}, r"limits\['cpu_s'\]: 0.* a whole number"),
        ({"limits": {"cpu_s": 1.5}}, r"limits\['cpu_s'\]: 1.5"),
        ({"limits": {"open_files": True}}, r"limits\['open_files'\]: True"),
        ({"max_running": 1.5}, "max_running: 1.5"),
        ({"max_running": True}, "max_running: True"),
        ({"max_running": 0}, "max_running: 0"),
        ({"max_running": "2"}, "max_running: '2'"),
        ({"timeout": "5"}, "Invalid value for timeout: '5'. Use a number of seconds"),
        ({"timeout": True}, "timeout: True"),
        ({"timeout": 0}, "Invalid value for timeout: 0. Use more than 0 seconds"),
        ({"grace": None}, "grace: None"),
        ({"queue": 1}, "Invalid value for queue: 1. Use 1 to 255 printable characters"),
        ({"queue": None}, "queue: None"),
        ({"priority": 1.5}, "Invalid value for priority: 1.5. Use a whole number"),
        ({"priority": None}, "priority: None"),
        ({"retry": 0}, "Invalid value for retry: 0. Use a Retry"),
        ({"retry": 3}, "retry: 3"),
        ({"deadline": 0}, "deadline: 0. Use more than 0 seconds"),
        ({"stalled_after": "5"}, "stalled_after: '5'. Use a number of seconds"),
        ({"unique": "n"}, "unique: 'n'. Use True, False, or a list"),
        ({"unique": []}, r"unique: \[\]. Use True, False, or a list"),
        ({"unique": ["other"]}, "unique: 'other'. Use parameters of the function"),
        ({"unique_for": 5}, "unique_for: 5. Use it with unique or unique_key"),
        ({"unique": True, "unique_for": 0}, "unique_for: 0"),
        ({"on_conflict": "replace"}, "on_conflict: 'replace'. Use it with unique"),
        (
            {"unique": True, "on_conflict": "debounce"},
            "on_conflict: 'debounce'. Use it with unique_for",
        ),
        ({"on_conflict": "ignore"}, "on_conflict: 'ignore'. Use one of"),
        ({"max_losses": 0}, "max_losses: 0"),
        ({"max_losses": None}, "max_losses: None"),
        ({"name": 5}, "Invalid value for name: 5. Use a dotted identifier"),
        ({"name": "not a name"}, "a dotted identifier"),
        ({"name": ""}, "name: ''"),
    ],
)
def test_options_are_checked_where_they_are_declared(
    options: dict[str, Any], words: str
) -> None:
    with pytest.raises(InvalidOption, match=words):
        job(**{"name": "declared.refused", **options})(plain)


def test_a_key_is_the_same_for_all_jobs_and_shows_no_secret() -> None:
    try:
        job(name="declared.one", concurrency=[Limit("k", 1)])(plain)
        job(name="declared.two", concurrency=[Limit("k", 1, weight=1)])(plain)
        with pytest.raises(InvalidOption, match=r"\.one' and .*\.three'"):
            job(name="declared.three", concurrency=[Limit("k", 2)])(plain)
        for options in (
            {"exclusive": ["password"]},
            {"concurrency": [Limit("k:{password}", 1)]},
            {"fairness_key": "{password}"},
        ):
            with pytest.raises(InvalidOption, match="parameters that are not secret"):
                job(name="declared.shown", secret=["password"], **options)(login)
    finally:
        from interlock.jobs import registry  # noqa: PLC0415  (to leave it as it was)

        for name in ("declared.one", "declared.two"):
            registry._registered.pop(name, None)


def login(user: str, password: str) -> None: ...


@pytest.mark.parametrize(
    "annotation",
    [
        *(Callable, Callable[[int], int], IO[str], TextIO, Iterator[int]),
        *(Awaitable[int], types.ModuleType, type, type[int], list[type[int]]),
        *(
            Engine,
            threading.Lock,
            threading.Thread,
            Holder,
            dict[str, Holder],
            T | Holder,
        ),
        *(bytearray, range, asyncio.Queue),
    ],
    ids=str,
)
def test_what_can_never_be_stored_is_refused(annotation: Any) -> None:
    def refused(value: Any) -> Any: ...

    refused.__qualname__ = "refused"
    for name in ("value", "return"):
        refused.__annotations__ = {name: annotation}
        with pytest.raises(
            InvalidOption, match=r"annotation: 'refused\(.*JSON can carry"
        ):
            job(refused)


@dataclass
class Tree:
    planted: date
    above: "Tree | None" = None


@job(name="declared.forward")
def forward(tree: Tree, other: "Further | None" = None) -> "Tree":
    return tree if other is None else other.tree


@dataclass
class Further:
    tree: Tree


def test_a_class_that_is_defined_further_down_works() -> None:
    young = Tree(date(2026, 1, 1), Tree(date(1990, 1, 1)))
    with inline_engine() as engine:
        assert engine.submit(forward, young).result(0) == young
        assert engine.submit(forward, young, Further(young)).result(0) == young


def test_options_that_are_right_are_kept() -> None:
    options: dict[str, Any] = {
        "limits": {"memory_mb": 5, "cpu_s": 1, "file_mb": 1, "open_files": 50},
        "secret": ["password"],
        "isolation": "fork",
        "privileges": True,
        "run_as": "nobody",
        "private_tmp": True,
        "max_running": 2,
        "retry": Retry(max_attempts=2),
    }
    options["limits"] |= {"open_files": 3, "address_space_mb": 500, "processes": 9}
    name = "declared.all"
    try:
        declared = job(name=name, **options)(plain)
        assert declared.limits == options["limits"]
        assert declared.secret == frozenset({"password"})
        assert declared.privileges
        assert (declared.run_as, declared.private_tmp) == ("nobody", True)
    finally:
        from interlock.jobs import registry  # noqa: PLC0415  (to leave it as it was)

        registry._registered.pop(name, None)
