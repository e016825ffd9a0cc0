"""Which errors are worth another try."""

from __future__ import annotations

import json
import pickle
import random
from typing import Any

import pytest

from interlock import (
    InvalidOption,
    PermanentError,
    Retry,
    StoreUnavailable,
    TransientError,
)


class Busy(Exception):
    pass


class VeryBusy(Busy):
    pass


class Both(TransientError, PermanentError):
    pass


class Passing(TransientError, ValueError):
    pass


HERE = f"{__name__}.Busy"


@pytest.mark.parametrize(
    ("policy", "error", "again"),
    [
        ({}, ValueError(), True),
        ({}, Busy(), True),
        ({}, MemoryError(), True),
        ({}, ExceptionGroup("many", [ValueError()]), True),
        ({}, KeyboardInterrupt(), False),
        ({}, TransientError(), True),
        ({}, PermanentError(), False),
        ({}, Both(), False),
        ({"on": ()}, ValueError(), False),
        ({"on": ()}, TransientError(), True),
        ({"on": (OSError,)}, FileNotFoundError(), True),
        ({"on": (OSError,)}, ValueError(), False),
        ({"on": OSError}, FileNotFoundError(), True),
        ({"on": "OSError"}, FileNotFoundError(), True),
        ({"on": ("OSError", "KeyError")}, KeyError(), True),
        ({"on": [OSError]}, OSError(), True),
        ({"on": HERE}, VeryBusy(), True),
        ({"on": "nothing.like.It"}, Busy(), False),
        ({"on": (Exception,)}, PermanentError(), False),
        ({"on": KeyboardInterrupt}, KeyboardInterrupt(), True),
        ({"never_on": ValueError}, ValueError(), False),
        ({"never_on": ("ValueError",)}, UnicodeError(), False),
        ({"never_on": ValueError}, OSError(), True),
        ({"never_on": ValueError}, Passing(), False),
        ({"on": ValueError, "never_on": UnicodeError}, ValueError(), True),
        ({"on": ValueError, "never_on": UnicodeError}, UnicodeError(), False),
    ],
)
def test_what_is_worth_another_try(
    policy: dict[str, Any], error: BaseException, *, again: bool
) -> None:
    retry = Retry(max_attempts=3, **policy)
    stored = json.loads(json.dumps(retry.to_json()))
    assert retry.covers(error) is again
    assert Retry.from_json(stored) == retry


@pytest.mark.parametrize(
    ("stored", "policy"),
    [
        ({"on": []}, Retry(on=())),
        ({"on": ["builtins.OSError"]}, Retry(on=OSError)),
        ({"on": ["OSError", "BadImage", "a.B"]}, Retry(on=(OSError, "a.B"))),
        ({"on": None, "never_on": ["a.B"]}, Retry(never_on="a.B")),
        ({"on": ["interlock.errors.StoreUnavailable"]}, Retry(on=StoreUnavailable)),
    ],
)
def test_what_an_earlier_version_stored_is_read(
    stored: dict[str, Any], policy: Retry
) -> None:
    numbers = {"max_attempts": 1, "backoff": 1.0, "max_backoff": 300.0}
    assert Retry.from_json({**numbers, "on_timeout": False, **stored}) == policy


def test_a_policy_is_stored_as_names() -> None:
    assert Retry(max_attempts=2, on="OSError", never_on=Busy).to_json() == {
        "max_attempts": 2,
        "on": ("builtins.OSError",),
        "never_on": (HERE,),
        "backoff": 1.0,
        "max_backoff": 300.0,
        "on_timeout": False,
    }


def test_a_script_is_the_same_to_those_who_run_it_and_import_it() -> None:
    mine = type("Mine", (Exception,), {"__module__": "__main__"})
    theirs = type("Mine", (Exception,), {"__module__": "__mp_main__"})
    assert Retry(on=mine).covers(theirs())


def test_a_table_gives_each_delay_exactly_and_the_last_one_goes_on() -> None:
    retry = Retry(max_attempts=9, backoff=[1, 10.5, 60])
    assert [retry.delay_s(n, random.Random(n)) for n in (1, 2, 3, 4, 9)] == [
        1,
        10.5,
        60,
        60,
        60,
    ]
    stored = json.loads(json.dumps(retry.to_json()))
    assert Retry.from_json(stored) == retry
    assert hash(retry) == hash(Retry.from_json(stored))


@pytest.mark.parametrize("backoff", [[], [1, -1], [True], ["1"], [1] * 101, "12", None])
def test_a_table_that_is_none_is_refused(backoff: Any) -> None:
    with pytest.raises(InvalidOption, match="backoff"):
        Retry(backoff=backoff)


@pytest.mark.parametrize("delay", [-1, float("nan"), float("inf"), True, "1", 10**12])
def test_a_delay_that_is_none_is_refused(delay: Any) -> None:
    with pytest.raises(InvalidOption, match="delay"):
        TransientError("later", delay=delay)


def test_a_transient_error_keeps_its_message_and_its_delay() -> None:
    error = pickle.loads(pickle.dumps(TransientError("later", delay=30)))
    assert (str(error), error.delay) == ("later", 30)
    assert TransientError("later").delay is None
