"""What a shim does with what comes while it says its last words."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator

import pytest

from interlock.clock import boot
from interlock_adapters.subprocess import domain
from interlock_adapters.subprocess.protocol import Kind, frame
from interlock_adapters.subprocess.shim import Shim


@pytest.fixture
def ends() -> Iterator[tuple[Shim, socket.socket]]:
    ours, theirs = socket.socketpair()
    worker = os.pidfd_open(os.getppid())
    ours.settimeout(0)
    yield Shim(ours, worker, domain.NAMESPACE), theirs
    os.close(worker)
    ours.close()
    theirs.close()


def test_a_launch_that_follows_the_last_word_at_once_is_not_lost(
    ends: tuple[Shim, socket.socket],
) -> None:
    shim, worker = ends
    worker.send(frame(Kind.LAUNCH, {"id": "j", "lease_deadline": boot() + 9}))
    shim._outbox += b"the last word"
    shim._flush(boot() + 1)
    assert worker.recv(100) == b"the last word"
    launch = shim._await_launch()
    assert launch is not None
    assert launch["id"] == "j"
