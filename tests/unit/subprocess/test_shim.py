"""What a shim does while its worker is slow."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from interlock.ports.clock import boot
from interlock_adapters.subprocess.kernel import kill_domain
from interlock_adapters.subprocess.launch_order import LaunchOrder
from interlock_adapters.subprocess.protocol import Decoder, Kind, frame
from interlock_adapters.subprocess.shim.shim import _MAX_OUTBOX, Shim
from interlock_adapters.subprocess.shim.temporary_folders import JobFolder


@pytest.fixture
def ends(tmp_path: Path) -> Iterator[tuple[Shim, socket.socket]]:
    ours, theirs = socket.socketpair()
    worker = os.pidfd_open(os.getppid())
    ours.settimeout(0)
    folder = JobFolder(str(tmp_path / "job"), own_memory=False)
    yield Shim(ours, worker, kill_domain.NAMESPACE, folder), theirs
    os.close(worker)
    ours.close()
    theirs.close()


def test_a_launch_that_follows_the_last_word_at_once_is_not_lost(
    ends: tuple[Shim, socket.socket],
) -> None:
    shim, worker = ends
    order = LaunchOrder(
        id="j",
        name="add",
        attempt=1,
        params={},
        retry={},
        lease_deadline=boot() + 9,
        isolation="process",
        limits={},
        trace={},
    )
    worker.send(frame(Kind.LAUNCH, order.to_json()))
    shim._outbox += b"the last word"
    shim._flush(boot() + 1)
    assert worker.recv(100) == b"the last word"
    assert shim._await_order() == order


def test_lines_that_were_dropped_for_a_slow_worker_are_counted_in_the_output(
    ends: tuple[Shim, socket.socket],
) -> None:
    shim, _ = ends
    shim._outbox += bytes(_MAX_OUTBOX)
    shim._output("stdout", ["one", "two"])
    shim._output("stderr", ["three"])
    assert len(shim._outbox) == _MAX_OUTBOX
    shim._outbox.clear()
    shim._orphan = True  # nothing is sent: what is said stays in the outbox
    shim._output("stdout", ["four"])
    shim._outbox += frame(Kind.OUTPUT, {}) * (_MAX_OUTBOX // 7)
    shim._output("stderr", [], last=True)
    payloads = [json.loads(text) for _, text in Decoder().feed(bytes(shim._outbox))]
    remark = "[interlock: {} lines dropped here, the worker was too slow]"
    assert [payload for payload in payloads if payload] == [
        {"stream": "stdout", "lines": [remark.format(2), "four"]},
        {"stream": "stderr", "lines": [remark.format(1)]},
    ]
