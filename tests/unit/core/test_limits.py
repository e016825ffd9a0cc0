"""Keys of limits: what may be declared, and what becomes of a job's parameters."""

from __future__ import annotations

import pytest

from interlock import InvalidOption, Limit
from interlock.core import limits
from interlock.core.limits import Rate


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("100/m", Rate(100, 60)),
        ("5/30s", Rate(5, 30)),
        ("1/d", Rate(1, 86_400)),
        ("3/2h", Rate(3, 7200)),
        (None, None),
    ],
)
def test_a_rate_is_read_and_written_alike(text: str | None, rate: Rate | None) -> None:
    assert limits.rate(text) == rate
    assert limits.rate(rate and str(rate)) == rate


@pytest.mark.parametrize(
    "text", ["", "100", "0/m", "100/w", "-1/m", "10001/m", "1/0s", "1/400d", 5, "1/m "]
)
def test_what_is_no_rate_is_refused(text: object) -> None:
    with pytest.raises(InvalidOption, match=r'rate_limit: .* such as "100/m"'):
        limits.rate(text)


@pytest.mark.parametrize(
    ("declared", "words"),
    [
        ({"key": ""}, "key: ''"),
        ({"key": "x" * 201}, "key: 'xxx"),
        ({"key": "a\n"}, "key: "),
        ({"key": "name:f"}, "a key that begins with a word of its own"),
        ({"key": "{tenant}"}, "a key that begins with a word of its own"),
        ({"key": "a:{b"}, "names of parameters in braces"),
        ({"key": "a:{b.c}"}, "names of parameters in braces"),
        ({"key": "a:{b!r}"}, "names of parameters in braces"),
        ({"key": "a", "max_running": None}, "limits nothing"),
        ({"key": "a", "max_running": 0}, "max_running: 0"),
        ({"key": "a", "max_running": 10_001}, "max_running: 10001"),
        ({"key": "a", "max_running": True}, "max_running: True"),
        ({"key": "a", "weight": 4}, "weight: 4"),
        ({"key": "a", "max_running": None, "rate_limit": "2/s", "weight": 3}, "weight"),
    ],
)
def test_a_limit_out_of_range_is_refused(
    declared: dict[str, object], words: str
) -> None:
    options = {"max_running": 3, **declared}
    with pytest.raises(InvalidOption, match=words):
        Limit(**options)  # type: ignore[arg-type]  # wrong on purpose


def test_keys_are_made_of_parameters() -> None:
    shared = [Limit("api:{customer}", 3), Limit("gpu", 2, weight=2)]
    values = {"customer": "acme", "size": 5, "opts": {"b": 1, "a": None}}
    assert limits.keys("f", shared, ["size", "opts"], values) == {
        "api:acme": {"limit": "api:{customer}", "weight": 1},
        "gpu": {"limit": "gpu", "weight": 2},
        'exclusive:f:size=5,opts={"a":null,"b":1}': {
            "limit": "exclusive:f",
            "weight": 1,
        },
    }
    assert limits.keys("f", [], None, values) is None
    assert limits.keys("f", [], [], values) == {
        "exclusive:f:": {"limit": "exclusive:f", "weight": 1}
    }


def test_no_parameter_makes_a_key_of_interlocks_own() -> None:
    made = limits.keys("f", [Limit("n{x}", 1)], None, {"x": "ame:g"})
    assert list(made or ()) == ["~name:g"]


def test_long_keys_stay_apart() -> None:
    made = [
        next(iter(limits.keys("f", [Limit("k:{x}", 1)], None, {"x": text}) or ()))
        for text in ("a" * 500, "a" * 499 + "b", "a" * 499 + "\n", "\ud800" + "a" * 300)
    ]
    assert len(set(made)) == 4
    assert all(len(key) <= limits.MAX_KEY and key.isprintable() for key in made)
