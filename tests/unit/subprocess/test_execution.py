"""What a worker hears of an attempt, in one turn of its loop."""

import os
import socket
from contextlib import suppress

from interlock.core.lifecycle import Proof
from interlock_adapters.subprocess.protocol import Kind, frame
from interlock_adapters.subprocess.runner.execution import ProcessExecution

from .test_launch_order import new_order

TURN = 262_144  # bytes


def test_a_job_that_says_much_gets_a_turn_like_any_other() -> None:
    """Between the turns of all jobs, leases are renewed."""
    ours, shim = socket.socketpair()
    for size in (socket.SO_SNDBUF, socket.SO_RCVBUF):
        for end in (ours, shim):
            end.setsockopt(socket.SOL_SOCKET, size, 4 * TURN)
    execution = ProcessExecution(new_order(), Proof.NAMESPACE)
    execution.attach(ours, os.open("/dev/null", os.O_RDONLY))
    shim.setblocking(False)
    report, said = frame(Kind.PROGRESS, {"message": "x" * 100}), 0
    with suppress(BlockingIOError):
        while True:
            said += shim.send(report * 10) // len(report)
    heard = [len(execution.observe()) for _ in range(said * len(report) // TURN + 2)]
    assert said * len(report) > TURN
    assert sum(heard) >= said - 10
    assert max(heard) <= TURN // len(report) + 1
    execution.close()
    shim.close()
