"""When a duty is due, and when it is due again."""

import pytest

from interlock.worker.duties import Duty


def _do_nothing(_now: float) -> None: ...


def test_a_duty_is_due_again_after_its_period() -> None:
    runs: list[float] = []
    duty = Duty(name="poll", run=runs.append, period_s=2.0)
    for now in (10.0, 11.9, 12.0):
        if duty.is_due(now):
            duty.perform(now)
    assert (runs, duty.due_at) == ([10.0, 12.0], 14.0)


def test_a_duty_may_run_a_little_early_but_wakes_the_worker_on_time() -> None:
    duty = Duty(name="renew", run=_do_nothing, period_s=1.0, early_s=0.5, next_at=3.0)
    assert (duty.is_due(2.4), duty.is_due(2.5), duty.due_at) == (False, True, 3.0)


def test_a_duty_that_is_not_needed_is_never_due() -> None:
    duty = Duty(name="look", run=_do_nothing, period_s=1.0, is_needed=lambda: False)
    assert (duty.is_due(9.0), duty.due_at) == (False, float("inf"))


def test_a_duty_that_fails_waits_for_its_period() -> None:
    def fail(_now: float) -> None:
        raise ConnectionError

    duty = Duty(name="reap", run=fail, period_s=1.0)
    with pytest.raises(ConnectionError):
        duty.perform(5.0)
    assert duty.next_at == 6.0


def test_a_duty_without_a_period_sets_its_own_time() -> None:
    def once(_now: float) -> None:
        duty.next_at = float("inf")

    duty = Duty(name="shut down", run=once, period_s=None)
    duty.perform(5.0)
    assert duty.next_at == float("inf")
