"""Which errors are worth another try."""

from __future__ import annotations

import json
from typing import Any

import pytest

from interlock import PermanentError, Retry, StoreUnavailable, TransientError


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
