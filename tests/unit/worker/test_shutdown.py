"""The steps of a worker's shutdown, by the number of signals and the time."""

from interlock.worker.shutdown import LEAVE_S, Shutdown, Step


def test_one_signal_lets_jobs_finish_and_then_stops_them() -> None:
    shutdown = Shutdown(10.0)
    assert (shutdown.is_requested, shutdown.steps(1.0)) == (False, [])
    shutdown.request()
    assert shutdown.is_requested
    assert shutdown.steps(2.0) == [Step.BEGIN]
    assert (shutdown.steps(11.9), shutdown.due_at()) == ([], 12.0)
    assert shutdown.steps(12.0) == [Step.STOP]
    assert (shutdown.steps(999.0), shutdown.due_at()) == ([], float("inf"))
    assert not shutdown.is_hurried


def test_a_second_signal_stops_them_at_once_and_ends_the_worker_soon() -> None:
    shutdown = Shutdown(10.0)
    shutdown.request()
    assert shutdown.steps(2.0) == [Step.BEGIN]
    shutdown.request()
    assert shutdown.steps(3.0) == [Step.HURRY]
    assert shutdown.is_hurried
    shutdown.request()
    assert shutdown.steps(3.0 + LEAVE_S - 0.1) == []
    assert shutdown.steps(3.0 + LEAVE_S) == [Step.LEAVE]
    assert shutdown.steps(99.0) == []


def test_two_signals_in_one_turn_are_two() -> None:
    shutdown = Shutdown(10.0)
    shutdown.request()
    shutdown.request()
    assert shutdown.steps(2.0) == [Step.BEGIN, Step.HURRY]


def test_a_grace_of_nothing_stops_them_in_the_same_turn() -> None:
    shutdown = Shutdown(0.0)
    shutdown.request()
    assert shutdown.steps(2.0) == [Step.BEGIN, Step.STOP]
