"""What `retention` may say."""

from __future__ import annotations

from datetime import timedelta

import pytest

from interlock import InvalidOption, JobStatus
from interlock.core.retention import Keep, read


def test_ages_and_numbers_are_read() -> None:
    assert read({"SUCCEEDED": "7d", "FAILED": 1000, JobStatus.CANCELED: "0s"}) == {
        JobStatus.SUCCEEDED: Keep(age=timedelta(days=7)),
        JobStatus.FAILED: Keep(jobs=1000),
        JobStatus.CANCELED: Keep(age=timedelta(0)),
    }
    assert read(None) == {}


@pytest.mark.parametrize(
    ("retention", "words"),
    [
        ("7d", "Use a mapping"),
        ({"RUNNING": "7d"}, "'RUNNING'. Use a status of ended jobs"),
        ({5: "7d"}, "5. Use a status of ended jobs"),
        ({"FAILED": "7"}, r"retention\['FAILED'\]: '7'. Use a time"),
        ({"FAILED": "7 d"}, "'7 d'. Use a time"),
        ({"FAILED": -1}, "-1. Use a time"),
        ({"FAILED": True}, "True. Use a time"),
        ({"FAILED": 1.5}, "1.5. Use a time"),
        ({"FAILED": "99999w"}, "at most 100 years"),
    ],
)
def test_what_says_nothing_is_refused(retention: object, words: str) -> None:
    with pytest.raises(InvalidOption, match=words):
        read(retention)
