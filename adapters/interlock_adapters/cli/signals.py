"""The signals that stop a worker: gently at first, at once the second time."""

import os
import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from interlock.worker.shutdown import LEAVE_S

_STOPS: Final = (signal.SIGTERM, signal.SIGINT)
#: After the second signal the worker leaves by itself, unless a call never returns.
_END_S: Final = LEAVE_S + 5.0
_SAID: Final = (
    b"The worker was told twice to stop, and a call to its database does not return. "
    b"It ends now. Its jobs are killed, and other workers rescue them.\n"
)


def stop_by_signals(stop: Callable[[], None], *, told: int = 0) -> None:
    """Call `stop` for SIGTERM and SIGINT; end the process after two if it does not end.

    SIGHUP, which a closed terminal sends, often twice, counts as one of them. If it is
    ignored (nohup(1)), it stays ignored. The main thread must call this. `told` is how
    many of these signals came before.
    """
    stops = told

    def on_stop(_signum: int, _frame: object) -> None:
        nonlocal stops
        stops += 1
        stop()

    def on_hangup(signum: int, frame: object) -> None:
        if stops == 0:
            on_stop(signum, frame)

    for signum in _STOPS:
        signal.signal(signum, on_stop)
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        signal.signal(signal.SIGHUP, on_hangup)
    _watch(told)


def _watch(told: int) -> None:
    """Watch the signals in a thread: a handler waits for the main thread's call in C.

    The interpreter writes the number of each signal to this pipe at once.
    """
    numbers, written = os.pipe2(os.O_CLOEXEC)
    os.set_blocking(written, False)
    signal.set_wakeup_fd(written, warn_on_full_buffer=False)
    watch = threading.Thread(target=_end_after_two, args=(numbers, told), daemon=True)
    with suppress(RuntimeError):  # no thread is to be had now: `stop` works without it
        watch.start()


def _end_after_two(numbers: int, stops: int) -> None:
    while stops < 2:  # noqa: PLR2004  (the first one is gentle)
        stops += sum(number in _STOPS for number in os.read(numbers, 100))
    threading.Event().wait(_END_S)
    os.write(2, _SAID)
    os._exit(1)
