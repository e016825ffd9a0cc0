"""A server without a free file descriptor says so, and serves again later."""

from __future__ import annotations

import resource
import socket
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from pace import deadline

from .program import served

LIMIT = 64


def test_connections_beyond_the_limit_wait(tmp_path: Path) -> None:
    with served(tmp_path) as (url, process):
        limits = (LIMIT, LIMIT)
        resource.prlimit(process.pid, resource.RLIMIT_NOFILE, limits)
        where = urlsplit(url)
        with ExitStack() as held:
            for _ in range(2 * LIMIT):
                address = (where.hostname, where.port)
                one = held.enter_context(socket.create_connection(address))
                one.sendall(b"GET /healthz HTTP/1.1\r\n")
            said = process.stderr.readline()
        assert "No file descriptor is free (this process may have 64)" in said
        answer = httpx.get(f"{url}/healthz", timeout=deadline(20))
        assert answer.json() == {"status": "alive"}
