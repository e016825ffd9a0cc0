"""Parameters and results follow their annotations; what cannot is refused in words."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from freezegun import freeze_time
from pydantic import SecretStr

from interlock import InvalidOption, InvalidParams, InvalidResult, job
from interlock.jobs import registry
from interlock.jobs.annotations import is_plain
from interlock.testing.inline import InlineEngine, inline_engine

from . import annotated_jobs as jobs


@pytest.fixture
def engine() -> Iterator[InlineEngine]:
    with inline_engine() as made:
        yield made


def refused(engine: InlineEngine, name: str, params: dict[Any, Any]) -> tuple[str, ...]:
    with pytest.raises(InvalidParams) as caught:
        engine.submit(name, params)
    assert sum(engine.counts().values()) == 0
    return caught.value.problems


def test_parameters_have_any_name(engine: InlineEngine) -> None:
    params: dict[str, Any] = {
        "_x": 1,
        "self": date(2026, 1, 1),
        "schema": "t",
        "model_config": 2,
        "copy": Path("/a"),
        "json": b"hi",
        "validate": False,
        "job": "j",
        "method": "m",
        "name": "n",
        "params": "p",
    }
    expected = [1, 2026, "t", 2, "a", "hi", False]
    assert engine.submit(jobs.names, **params).result(0) == expected
    assert engine.submit(jobs.names, 1, date(2026, 1, 1)).result(0)[:3] == [
        1,
        2026,
        "s",
    ]
    assert engine.submit("odd.names", params).result(0) == expected
    (handle,) = engine.submit_many([jobs.names.call(**params)])
    engine.drain()
    assert handle.result(0) == expected


def test_arguments_of_any_name_are_checked(engine: InlineEngine) -> None:
    day = date(2026, 1, 1)
    assert refused(engine, "odd.rest", {"first": 1, "a": "x", "b": day}) == (
        "a: input should be a valid date in the format YYYY-MM-DD, input is too short",
    )
    assert refused(engine, "odd.rest", {"a": day, 1: day}) == (
        "first is missing",
        "1 is unexpected",
    )
    handle = engine.submit(jobs.rest, 1, a=day, b=day)
    assert (handle.result(0), handle.job().params["a"]) == (4053, "2026-01-01")


def test_unpacked_arguments_have_their_types(engine: InlineEngine) -> None:
    handle = engine.submit(jobs.unpacked, since=date(2026, 1, 1), limit=2)
    assert handle.result(0) == {"since": "date", "limit": "int"}
    with pytest.raises(InvalidParams, match="other is unexpected"):
        engine.submit("odd.unpacked", {"other": 1})


@pytest.mark.parametrize(
    ("args", "kwargs", "words"),
    [
        ((1,), {"x": 2}, "got multiple values for argument 'x'"),
        ((1, 2), {"y": 2, "x": 1}, "'x'; got multiple values for argument 'y'"),
        ((1, 2, 3), {}, "it takes 2 positional arguments but 3 were given"),
        ((), {"x": 1, "w": 2}, "w is unexpected"),
    ],
)
def test_a_call_that_python_would_refuse_is_refused(
    engine: InlineEngine, args: tuple[int, ...], kwargs: dict[str, int], words: str
) -> None:
    with pytest.raises(InvalidParams, match=words):
        engine.submit(jobs.two, *args, **kwargs)
    with pytest.raises(InvalidParams, match=words):
        engine.submit_many([jobs.two.call(*args, **kwargs)])
    assert sum(engine.counts().values()) == 0


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("odd.anything", "a\x00b"),
        ("odd.anything", "\ud800"),
        ("odd.anything", {"a": [{"b\x00": 1}]}),
        ("odd.anything", {"a": [{"\udfff": 1}]}),
        ("odd.text", "a\x00b"),
        ("odd.text", "\ud800"),
        ("odd.either", "a\x00b"),
        ("odd.either", "\ud800"),
        ("odd.either", Path("a\x00b")),
    ],
)
def test_what_no_store_can_keep_is_refused_alike(
    engine: InlineEngine, name: str, value: object
) -> None:
    key = "s" if name == "odd.text" else "value"
    assert refused(engine, name, {key: value}) == (
        f"{key}: it contains NUL or half of a surrogate pair, which no store can keep",
    )


def test_names_that_no_store_can_keep_are_refused(engine: InlineEngine) -> None:
    for name in ("a\x00", "\ud800"):
        (problem,) = refused(engine, "odd.rest", {"first": 1, name: date(2026, 1, 1)})
        assert "no store can keep" in problem
        problem.encode()


def test_a_validator_converts_once_a_call(engine: InlineEngine) -> None:
    assert refused(engine, "odd.read", {"text": 5})[0].startswith("text: ")
    assert engine.submit(jobs.read, "a", jobs.UserId(3)).result(0) == "A3"


def test_secrets_are_in_no_error(engine: InlineEngine) -> None:
    for params in ({"word": "no"}, {"word": "a", "pin": {"4711": 1}}):
        (problem,) = refused(engine, "odd.secret", params)
        assert "it does not fit its annotation" in problem
        assert "4711" not in problem
        assert "no is" not in problem
    word = SecretStr("hunter2")
    (problem,) = refused(engine, "odd.hidden", {"word": word})
    assert problem == "word: this SecretStr would not come back as it is from its JSON"


def test_a_union_takes_what_comes_back_as_it_is(engine: InlineEngine) -> None:
    assert engine.submit(jobs.either, Path("a")).result(0) == "PosixPath"
    assert engine.submit(jobs.either, "a").result(0) == "PosixPath"
    assert engine.submit(jobs.either, 5).result(0) == "int"
    assert engine.submit(jobs.text_first, "a").result(0) == "str"
    with pytest.raises(InvalidParams, match="would come back as a str from its JSON"):
        engine.submit(jobs.text_first, Path("a"))


def test_strict_types_are_kept(engine: InlineEngine) -> None:
    for value in ("5", True, 1.0):
        assert refused(engine, "odd.two", {"x": value}) == (
            "x: input should be a valid integer",
        )


def test_an_annotation_for_type_checkers_alone_is_refused_by_name(
    engine: InlineEngine,
) -> None:
    with registered_for_a_while(jobs.only_for_checks) as name:
        for act in (lambda: engine.submit(name, {"amount": 1}), engine.new_worker):
            with pytest.raises(InvalidOption) as caught:
                act()
            assert str(caught.value) == (
                "Invalid value for annotation: 'only_for_checks(amount: Decimal)'. Use "
                "a type that exists at run time (name 'Decimal' is not defined): "
                "import it outside of `if TYPE_CHECKING`."
            )


def test_a_class_without_a_schema_is_refused_at_the_first_use(
    engine: InlineEngine,
) -> None:
    with (
        registered_for_a_while(jobs.no_schema) as name,
        pytest.raises(
            InvalidOption, match=r"no_schema\(lock: Unknown\).*JSON can carry"
        ),
    ):
        engine.submit(name, {"lock": 1})


class registered_for_a_while:  # noqa: N801  (used as a function)
    def __init__(self, function: Any) -> None:
        self._function = function

    def __enter__(self) -> str:
        self._name = job(name=f"odd.{self._function.__name__}")(self._function).name
        return self._name

    def __exit__(self, *_: object) -> None:
        registry._registered.pop(self._name)


def test_a_result_of_another_version_is_said_to_be_one(engine: InlineEngine) -> None:
    done = engine.submit(jobs.anything, "five")
    with registered_for_a_while(_dated):
        before = registry._registered["odd.anything"]
        registry._registered["odd.anything"] = registry.find("odd._dated")
        try:
            with pytest.raises(InvalidResult, match=r"does not fit `date`.*valid date"):
                done.result(0)
            assert done.job().result == "five"
        finally:
            registry._registered["odd.anything"] = before
    assert done.result(0) == "five"


def _dated() -> date:
    return date(2026, 1, 1)


def test_a_frozen_clock_changes_nothing(engine: InlineEngine) -> None:
    with freeze_time("2026-01-01"):
        handle = engine.submit(jobs.rest, 1, a=datetime.now().date())  # noqa: DTZ005
    assert handle.result(0) == 2027


@pytest.mark.parametrize(
    ("annotation", "plain"),
    [
        *(
            (each, True)
            for each in (None, bool, int, float, str, Any, object, list, dict)
        ),
        *((list[int], True), (dict[str, list[int | None]], True)),
        *((dict[int, str], False), (dict[Any, str], True), (tuple, False)),
        *((tuple[int], False), (set[int], False), (date, False), (Decimal, False)),
        *((int | date, False), (list[date], False), (jobs.UserId, True)),
        *((jobs.Choices, False), (jobs.T, True), (bytes, False)),
    ],
    ids=str,
)
def test_what_is_plain_json(annotation: object, *, plain: bool) -> None:
    assert is_plain(annotation) is plain


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("s=12345", "12345"),
        ("s=true", "true"),
        ("s=null", "null"),
        ('s="quoted"', "quoted"),
        ("s=[1, 2]", "[1, 2]"),
        ("s=plain", "plain"),
        ("maybe=null", None),
        ("maybe=5", "5"),
        ("other=5", 5),
        ("unknown=5", 5),
    ],
)
def test_text_of_the_command_line_is_what_the_parameter_takes(
    engine: InlineEngine, text: str, value: object
) -> None:
    from interlock_adapters.cli.params import _param  # noqa: PLC0415

    assert _param(engine, "odd.text", text) == (text.partition("=")[0], value)
    if not isinstance(value, str):
        assert _param(engine, "not.here", text)[1] == value


def test_the_stored_parameters_are_plain_json(engine: InlineEngine) -> None:
    class Text(str):
        __slots__ = ()

    params = engine.submit(jobs.anything, {"a": [Text("x")]}).job().params
    assert json.dumps(params) == '{"value": {"a": ["x"]}}'
    assert type(params["value"]["a"][0]) is str  # type: ignore[index]  # as stored
