"""The unique key that a job's parameters make."""

from __future__ import annotations

from typing import Any

import pytest

from interlock import InvalidOption, job
from interlock.jobs.options import Options
from interlock.jobs.unique_keys import key_of

PARAMS = {"size": 128, "folder": "/a"}


@pytest.mark.parametrize(
    ("unique", "key"),
    [
        (True, 'thumbs:{"folder":"/a","size":128}'),
        (["folder"], 'thumbs:{"folder":"/a"}'),
        (["size", "folder"], 'thumbs:{"folder":"/a","size":128}'),
        (["left_out"], "thumbs:{}"),
        (False, None),
    ],
)
def test_a_key_is_made_of_the_name_and_the_parameters(
    unique: Any, key: str | None
) -> None:
    assert key_of("thumbs", PARAMS, {"unique": unique}) == key


@pytest.mark.parametrize("text", ["x" * 300, "a\u200bb"])
def test_what_is_too_long_or_cannot_be_read_becomes_a_digest(text: str) -> None:
    options: Options = {"unique": True}
    key = key_of("n" * 200, {"text": text}, options)
    assert key is not None
    assert len(key) <= 255
    assert key.isprintable()
    assert key.startswith("n" * 180 + ":")
    assert key == key_of("n" * 200, {"text": text}, options)
    assert key != key_of("n" * 200, {"text": f"{text}x"}, options)
    assert key != key_of("n" * 199, {"text": text}, options)


def log_in(user: str, password: str) -> None: ...


@pytest.mark.parametrize("unique", [True, ["password"], ["user", "password"]])
def test_no_secret_is_in_a_key(unique: Any) -> None:
    words = "unique cannot use the secret parameter 'password'"
    with pytest.raises(InvalidOption, match=words):
        job(name="unique.secret", secret=("password",), unique=unique)(log_in)
    declared = job(name="unique.log_in", secret=("password",))(log_in)
    with pytest.raises(InvalidOption, match=words):
        declared.options(unique=unique)
    assert declared.options(unique=["user"]).defaults["unique"] == ["user"]


def call_api(address: str, api_key: str = "") -> None: ...


def test_what_is_named_like_a_secret_is_none_of_a_key() -> None:
    with pytest.raises(InvalidOption, match="the secret parameter 'api_key'"):
        job(name="unique.looks", unique=True)(call_api)
    deep = {"login": [{"user": "anna", "pin": "1234"}]}
    assert key_of("log_in", deep, {"unique": True}) is not None
    with pytest.raises(InvalidOption, match="the secret parameter 'pin'"):
        key_of("log_in", deep, {"unique": True}, ["pin"])


def anything(**values: object) -> None: ...


def test_a_job_that_takes_any_parameter_may_name_any() -> None:
    declared = job(name="unique.anything", unique=["a"])(anything)
    assert declared.defaults["unique"] == ["a"]
