"""A worker can be stopped, whatever the machine lacks when it starts."""

import os
import signal
import threading
from collections.abc import Iterator

import pytest

from interlock_adapters.cli.signals import stop_by_signals

_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


@pytest.fixture
def handlers() -> Iterator[None]:
    """Put the handlers back after the test."""
    before = {signum: signal.getsignal(signum) for signum in _SIGNALS}
    yield
    for signum, handler in before.items():
        signal.signal(signum, handler)
    number = signal.set_wakeup_fd(-1)
    if number >= 0:
        os.close(number)


@pytest.mark.usefixtures("handlers")
def test_a_signal_stops_a_worker_for_which_there_is_no_thread(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    stops: list[int] = []
    stop_by_signals(lambda: stops.append(1))
    os.kill(os.getpid(), signal.SIGTERM)
    assert stops == [1]
