"""What another version has written is read: an older one's, and a newer one's."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from interlock import IllegalTransition, JobStatus, Reason
from interlock.core.fields import member
from interlock.core.lifecycle import Event
from interlock_adapters.http.client import ServerRefused, errors, values

OLD: dict[str, Any] = json.loads(
    (Path(__file__).parent / "recorded" / "0.1.0.json").read_text()
)


def test_jobs_and_records_of_0_1_0_are_read() -> None:
    done, failed, canceled = map(values.job, OLD["jobs"])
    assert (done.status, done.result, done.retry.max_attempts) == ("SUCCEEDED", 1, 2)
    assert done.parent_id is None
    assert failed.error is not None
    assert failed.error.type == "builtins.ValueError"
    assert canceled.cancel_reason == "not needed"
    items = {name: {"items": OLD[name]} for name in OLD}
    assert values.attempts(items["attempts"])[0].outcome is Event.FAIL
    assert values.attempts(items["attempts"])[0].cpu_seconds is None
    assert [one.event for one in values.history(items["history"])][-1] == "fail"
    assert values.lines(items["lines"])[0].text == "hello"
    assert [queue.name for queue in values.queues(items["queues"])]


def test_a_newer_servers_fields_and_words_are_kept_out_of_the_way() -> None:
    newer = OLD["jobs"][1] | {"colour": "red", "reason": "snoozed", "proof": "oracle"}
    newer["error"] = newer["error"] | {"reason": "eaten", "shape": "round"}
    job = values.job(newer)
    assert (job.reason, job.proof) == ("snoozed", "oracle")
    assert job.reason is not None
    assert job.reason.value == f"{job.reason}" == "snoozed"
    assert job.error is not None
    assert job.error.reason == "eaten"
    attempt = OLD["attempts"][0] | {"outcome": "snooze", "shape": "round"}
    assert values.attempts({"items": [attempt]})[0].outcome == "snooze"


def test_a_text_that_is_known_is_the_member_itself() -> None:
    assert member(Reason, "lost") is Reason.LOST
    assert "eaten" not in set(Reason)


def test_a_status_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match="PAUSED"):
        member(JobStatus, "PAUSED")


def _refused(body: dict[str, object]) -> Exception:
    return errors.of(httpx.Response(409, json=body))


def test_a_problem_of_another_version_is_an_error_with_its_words() -> None:
    illegal: dict[str, object] = {
        "type": "urn:interlock:problem:illegal-transition",
        "detail": "no",
        "job_id": "j",
        "job_status": "PENDING",
        "event": "snooze",
        "legal_events": ["hold"],
        "unmet": None,
    }
    assert isinstance(_refused(illegal), IllegalTransition)
    del illegal["unmet"]
    refused = _refused(illegal)
    assert isinstance(refused, ServerRefused)
    assert str(refused) == "no"
