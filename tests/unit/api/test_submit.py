"""Bad input is refused with a clear error before anything is stored."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from interlock import (
    DuplicateJob,
    IllegalTransition,
    InterlockError,
    InvalidOption,
    InvalidParams,
    JobNotFound,
    JobStatus,
    Retry,
    UnknownJobName,
    job,
)
from interlock.jobs.options import Options
from interlock.testing.inline import InlineEngine, inline_engine


@job(name="check.thumbnails")
def thumbnails(folder: str, size: int = 128, tags: list[str] | None = None) -> int:
    return len(folder) + size + len(tags or [])


@pytest.fixture
def engine() -> Iterator[InlineEngine]:
    with inline_engine() as made:
        yield made


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({}, "folder is missing"),
        ({"folder": "a", "colour": 1}, "colour is unexpected"),
        ({"folder": 7}, "folder: input should be a valid string"),
        ({"folder": "a", "size": "5"}, "size: input should be a valid integer"),
        ({"folder": "a", "tags": ("x",)}, "tags"),
        ({"folder": "a\x00b"}, "NUL"),
        ({"folder": "\ud800"}, "folder"),
        ({"folder": "x" * 2_000_000}, "larger than"),
        ({"folder": Path("a")}, "folder"),
    ],
)
def test_parameters_that_do_not_fit_are_refused(
    engine: InlineEngine, params: dict[str, Any], words: str
) -> None:
    with pytest.raises(InvalidParams, match=words):
        engine.submit("check.thumbnails", params)
    assert sum(engine.counts().values()) == 0


def test_parameters_that_fit_are_stored_as_they_are(engine: InlineEngine) -> None:
    handle = engine.submit(thumbnails, "é\U0001f600", tags=["x"])
    assert handle.job().params == {"folder": "é\U0001f600", "tags": ["x"]}
    assert handle.result(0) == 131


def _nested(depth: int) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for _ in range(depth):
        value = {"a": value}
    return value


@pytest.mark.parametrize(
    "policy",
    [
        {"backoff": 1e13},
        {"max_backoff": 1e13},
        {"max_backoff": float("nan")},
        {"max_attempts": 0},
        {"max_attempts": True},
        {"max_attempts": "3"},
        {"max_attempts": 1.5},
        {"backoff": "1"},
        {"on_timeout": 1},
        {"on": ("a.\x00",)},
        {"on": ("a.\ud800",)},
        {"on": "NoSuchError"},
        {"on": (int,)},
        {"on": 5},
        {"on": (OSError, None)},
        {"never_on": "print"},
        {"never_on": None},
    ],
)
def test_a_policy_that_nobody_can_compute_is_refused(policy: dict[str, Any]) -> None:
    with pytest.raises(InvalidOption, match=next(iter(policy))):
        Retry(**policy)


BAD_OPTIONS: list[dict[str, Any]] = [
    {"timeout": 0},
    {"timeout": float("nan")},
    {"timeout": "5"},
    {"grace": -1},
    {"priority": 1.5},
    {"queue": ""},
    {"unique_key": "x" * 300},
    {"metadata": {"a": object()}},
    {"metadata": {"a": "\x00"}},
    {"metadata": {"\ud800": 1}},
    {"metadata": {1: "a"}},
    {"metadata": _nested(65)},
    {"metadata": {"a": "x" * 1_100_000}},
    {"retry": 3},
    {"run_at": datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=14)))},
    {"run_at": datetime(9999, 12, 31, tzinfo=timezone(timedelta(hours=-12)))},
    {"expires_at": datetime.max.replace(tzinfo=UTC)},
    {"run_at": "tomorrow"},
    {"colour": "red"},
    {"connection": "no connection"},
    {"max_losses": 0},
    {"when_full": "never"},
    {"depends_on": "id"},
    {"depends_on": [1]},
    {"depends_on": {"": "id"}},
    {"on_parent_failure": "never"},
    {"on_parent_cancel": "never"},
    {"tags": "text"},
    {"tags": [""]},
    {"aging": 0.5},
    {"on_conflict": "ignore"},
    {"on_conflict": "replace"},
    {"on_conflict": "debounce", "unique_key": "u"},
    {
        "on_conflict": "debounce",
        "unique_key": "u",
        "unique_for": 1,
        "run_at": datetime.now(UTC),
    },
    {"unique_for": 5},
    {"unique_for": 0, "unique_key": "u"},
    {"unique": "size"},
    {"unique": []},
    {"unique": ["nothing"]},
    {"unique": True, "unique_key": "u"},
    {"deadline": 0},
    {"deadline": "5"},
    {"stalled_after": 0},
    {"idempotency_key": ""},
    {"by": "a\nb"},
]


def test_every_option_has_a_value_that_is_refused() -> None:
    assert {name for bad in BAD_OPTIONS for name in bad} >= set(Options.__annotations__)


@pytest.mark.parametrize("options", BAD_OPTIONS)
def test_options_out_of_range_are_refused(
    engine: InlineEngine, options: dict[str, Any]
) -> None:
    with pytest.raises(InvalidOption, match=next(iter(options))):
        engine.submit("check.thumbnails", {"folder": "a"}, **options)
    assert sum(engine.counts().values()) == 0


def test_an_unknown_name_says_what_is_known(engine: InlineEngine) -> None:
    with pytest.raises(UnknownJobName, match=r"check\.thumbnails"):
        engine.submit("check.nothing", {})


def test_a_bad_call_spoils_the_whole_batch(engine: InlineEngine) -> None:
    calls: list[Any] = [thumbnails.call("a"), ("check.thumbnails", {"folder": 1})]
    with pytest.raises(InvalidParams):
        engine.submit_many(calls)
    assert sum(engine.counts().values()) == 0


def test_a_unique_key_is_one_live_job(engine: InlineEngine) -> None:
    engine.pause("default")
    one = thumbnails.options(unique_key="photos")
    first = engine.submit(one, "a")
    with pytest.raises(DuplicateJob) as caught:
        engine.submit(one, "b")
    assert caught.value.job_id == first.id
    assert engine.submit(one.options(on_conflict="return"), "b").id == first.id
    engine.cancel(first.id)
    assert engine.submit(one, "b").id != first.id


def test_a_declared_key_can_be_left_out(engine: InlineEngine) -> None:
    engine.pause("default")
    keyed = thumbnails.options(unique=["folder"], unique_for=60, on_conflict="debounce")
    first = engine.submit(keyed, "a").job()
    assert first.unique_key == 'check.thumbnails:{"folder":"a"}'
    assert first.run_at == first.created_at + timedelta(seconds=60)
    plain = engine.submit(keyed.options(unique=False), "a").job()
    assert plain.unique_key is None
    assert plain.run_at == plain.created_at
    own = keyed.options(unique=False, unique_key="own", on_conflict="return")
    assert engine.submit(own, "a").id == engine.submit(own, "b").id


def test_the_same_idempotent_call_is_the_same_job(engine: InlineEngine) -> None:
    keyed = thumbnails.options(idempotency_key="k")
    first = engine.submit(keyed, "a")
    assert engine.submit(keyed, "a").id == first.id
    with pytest.raises(DuplicateJob, match="idempotency_key"):
        engine.submit(keyed, "b")


def test_a_canceled_job_can_be_canceled_again(engine: InlineEngine) -> None:
    engine.pause("default")
    handle = engine.submit(thumbnails, "a")
    first = engine.cancel(handle.id, reason="typo", by="anna")
    assert (first.status, first.cancel_reason) == (JobStatus.CANCELED, "typo")
    assert engine.cancel(handle.id, by="ben") == first


def test_a_rerun_is_a_new_job(engine: InlineEngine) -> None:
    first = engine.submit(thumbnails.options(unique_key="u"), "a").job()
    again = engine.rerun(first.id).job()
    assert (again.rerun_of, again.params, again.status) == (
        first.id,
        first.params,
        JobStatus.PENDING,
    )
    with pytest.raises(IllegalTransition, match="a terminal status"):
        engine.rerun(again.id)


def test_ids_are_opaque_text(engine: InlineEngine) -> None:
    for strange in ("", "nope", "x" * 10_000, "'; DROP TABLE interlock_job"):
        with pytest.raises(JobNotFound):
            engine.get(strange)


def test_functions_that_no_worker_could_call_are_refused() -> None:
    with pytest.raises(InvalidOption, match="top level"):
        job(name="check.local")(lambda: None)

    with pytest.raises(InterlockError, match="dotted identifier"):
        job(name="not a name")(thumbnails.function)


@pytest.mark.parametrize("words", ["a\x00b", "\ud800", "x" * 2001])
def test_words_that_cannot_be_stored_are_refused(
    engine: InlineEngine, words: str
) -> None:
    done = engine.submit(thumbnails, "a")
    for call in (
        lambda: engine.cancel(done.id, reason=words),
        lambda: engine.cancel(done.id, by=words),
        lambda: engine.rerun(done.id, by=words),
    ):
        with pytest.raises(InvalidOption, match="without NUL"):
            call()


def test_a_name_belongs_to_one_function(engine: InlineEngine) -> None:
    def register() -> None:
        job(name="check.thumbnails")(_other)

    with pytest.raises(InvalidOption, match=r"thumbnails in .*test_submit\.py has it"):
        register()
    assert engine.submit(thumbnails, "a").result(0) == 129


def _other() -> None: ...
