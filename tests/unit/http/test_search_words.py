"""The language of the search box: what each word finds, and what is refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from interlock.core.job import Phase
from interlock_adapters.http.dashboard.query import BadQuery, Query, of_old, token

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "filters"),
    [
        ("", {}),
        ("render", {"name_part": "render"}),
        ("name:a.b queue:mail", {"name": "a.b", "queue": "mail"}),
        ('error:"no such: x"', {"error": "no such: x"}),
        ("status:failed status:TIMEOUT", {"statuses": ["FAILED", "TIMEOUT"]}),
        ("status:ready", {"phases": [Phase.QUEUED], "statuses": ["PENDING"]}),
        ("param.size:128", {"params": {"size": 128}}),
        ("param.to.city:Berlin", {"params": {"to": {"city": "Berlin"}}}),
        ('param.flag:true param.text:"a b"', {"params": {"flag": True, "text": "a b"}}),
        ("since:2h", {"created_after": NOW - timedelta(hours=2)}),
        ("before:2025-12-31", {"created_before": datetime(2025, 12, 31, tzinfo=UTC)}),
        ("tag:a tag:b by:anna", {"tags": ["a", "b"], "submitted_by": "anna"}),
        ("it's", {"name_part": "it's"}),
        ("module::function", {"name_part": "module::function"}),
    ],
)
def test_each_word_becomes_a_filter(text: str, filters: dict[str, object]) -> None:
    assert Query(text, NOW).filters == filters


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("foo:bar", "Nothing can be found by 'foo'. Use one of status, name"),
        ("status:lost", "There is no status 'lost'. Use one of ready"),
        ("since:soon", "since:soon is no time. Write 30m"),
        ('error:"open', "A quote is not closed"),
        ("param.:1", "A parameter has a name"),
        ("since:999999w", "is no time"),
        ("param.a:1 param.a.b:2", "is below a parameter with another value"),
        ("param.a:1 param.a:2", "param.a can stand once"),
        ("queue:a queue:b", "queue can stand once"),
        ("one two", "can stand once"),
        ("queue:", "Write what to find after queue"),
        ("status:failed status:ready", "cannot stand beside another status"),
        ("status:ready status:failed", "cannot stand beside another status"),
    ],
)
def test_what_means_nothing_is_refused_with_what_can_be_written(
    text: str, says: str
) -> None:
    with pytest.raises(BadQuery, match=says.replace(".", r"\.")):
        Query(text, NOW)


def test_a_word_can_be_left_out_and_a_status_replaced() -> None:
    asked = Query('queue:mail error:"a b" status:failed', NOW)
    assert [each.without for each in asked.tokens] == [
        'error:"a b" status:failed',
        "queue:mail status:failed",
        'queue:mail error:"a b"',
    ]
    assert asked.with_status("running") == 'queue:mail error:"a b" status:running'
    assert asked.with_status(None) == 'queue:mail error:"a b"'
    assert asked.states == ["failed"]


@pytest.mark.parametrize("value", ["a b", 'quo"te', "back\\slash x", 'a\\"b c', "it's"])
def test_any_value_can_be_written(value: str) -> None:
    assert Query(token("queue", value), NOW).filters == {"queue": value}


def test_a_word_of_hexadecimal_digits_may_be_an_id() -> None:
    assert Query("0a1b2c3d", NOW).maybe_id == "0a1b2c3d"
    assert Query("render", NOW).maybe_id is None


def test_addresses_with_a_filter_each_still_work() -> None:
    assert of_old({"queue": "a b", "name": ""}, ["FAILED"]) == (
        'queue:"a b" status:failed'
    )
    assert token("group", "g 1") == 'group:"g 1"'
