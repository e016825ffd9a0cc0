"""What a job module opens at import, in 24 jobs of which eight run at once."""

from __future__ import annotations

import pickle
import re
import socket
import socketserver
import struct
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import chain
from pathlib import Path
from typing import Any

import psycopg
import pytest
import redis

import postgres
from interlock import Engine, JobStatus, job
from pace import deadline
from workers import OtherWorker, worker_of

from .processes import until

MANY = 24
REDIS = "redis://127.0.0.1:6379"
HAS_REDIS = "T_REDIS"


# The module of these is imported where its servers are known: in the worker alone.
@job(name="e2e.use", timeout=60)
def use(kind: str, number: int) -> object: ...


@job(name="e2e.django", timeout=60)
def things(number: int) -> list[int]: ...  # type: ignore[empty-body]


class _Answer(BaseHTTPRequestHandler):
    """Answers with the path and the port of the client, and keeps the connection."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        body = f"{self.path} {self.client_address[1]}".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


class _Logged(socketserver.StreamRequestHandler):
    """Reads what `logging.handlers.SocketHandler` sends."""

    def handle(self) -> None:
        received: list[str] = self.server.received  # type: ignore[attr-defined]
        while head := self.rfile.read(4):
            record = pickle.loads(self.rfile.read(struct.unpack(">L", head)[0]))
            received.append(record["msg"])


@contextmanager
def _serving(server: socketserver.TCPServer) -> Iterator[int]:
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Servers:
    """Those that the module connects to, and what reached them."""

    def __init__(self, worker: OtherWorker, folder: Path) -> None:
        self.worker = worker
        self.folder = folder
        self.records: list[str] = []
        self.datagrams: socket.socket

    def each(self, kind: str) -> list[Any]:
        """Return what the jobs of a kind return, by their number."""
        return self.worker.results(use.call(kind, n) for n in range(MANY))


def _redis() -> dict[str, str]:
    try:
        with redis.Redis.from_url(REDIS) as client:
            client.ping()
    except redis.exceptions.ConnectionError:
        return {}
    return {HAS_REDIS: REDIS}


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[_Servers]:
    folder = tmp_path_factory.mktemp("connections")
    answers = ThreadingHTTPServer(("127.0.0.1", 0), _Answer)
    logged = socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Logged)
    answers.daemon_threads = logged.daemon_threads = True
    received: list[str] = []
    logged.received = received  # type: ignore[attr-defined]
    with (
        postgres.database() as url,
        _serving(answers) as http,
        _serving(logged) as log,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams,
    ):
        datagrams.bind(("127.0.0.1", 0))
        datagrams.settimeout(deadline(10))
        environment = {
            "T_POSTGRES": url,
            "T_HTTP": f"http://127.0.0.1:{http}",
            "T_SQLITE": f"sqlite:///{folder}/other.db",
            "T_LOG": f"{folder}/log",
            "T_LOG_PORT": str(log),
            "T_UDP_PORT": str(datagrams.getsockname()[1]),
            **_redis(),
        }
        with worker_of(
            "e2e.connection_jobs", folder, concurrency=8, environment=environment
        ) as worker:
            opened = _Servers(worker, folder)
            opened.records, opened.datagrams = received, datagrams
            yield opened


@pytest.mark.parametrize("kind", ["with_pool", "with_pinging_pool"])
def test_each_job_has_connections_of_its_own_from_a_pool(
    servers: _Servers, kind: str
) -> None:
    backends = list(chain.from_iterable(servers.each(kind)))
    assert len(backends) == len(set(backends)) == MANY


def test_a_database_in_memory_is_kept(servers: _Servers) -> None:
    assert servers.each("in_memory") == [7] * MANY


def test_a_plain_connection_fails_and_says_that_it_was_closed(
    servers: _Servers,
) -> None:
    calls = [use.call("with_plain_psycopg", n) for n in range(MANY)]
    for ended_job in servers.worker.ended(calls):
        assert ended_job.status is JobStatus.FAILED
        assert ended_job.error is not None
        assert ended_job.error.type == "psycopg.OperationalError"
        assert "server closed the connection unexpectedly" in ended_job.error.message


def test_redis_connects_again_in_each_job(servers: _Servers) -> None:
    if not _redis():
        pytest.skip("NO REDIS on 127.0.0.1:6379: its client is not tested")
    ids = list(chain.from_iterable(servers.each("with_redis")))
    assert len(ids) == len(set(ids)) == MANY


@pytest.mark.parametrize("kind", ["with_requests", "with_httpx"])
def test_http_clients_connect_again_in_each_job(servers: _Servers, kind: str) -> None:
    ports = servers.each(kind)
    assert len(set(ports)) == MANY


def test_an_event_loop_works_in_each_job(servers: _Servers) -> None:
    assert servers.each("with_loop") == [True] * MANY


def test_no_job_reads_what_another_wrote_to_a_pipe(servers: _Servers) -> None:
    assert servers.each("with_pipes") == list(range(MANY))


def test_jobs_submit_with_an_engine_of_their_module(servers: _Servers) -> None:
    assert servers.each("with_engines") == [[n, n] for n in range(MANY)]
    with Engine.open(f"sqlite:///{servers.folder}/other.db") as other:
        assert other.counts()[JobStatus.PENDING] == MANY
        assert other.verify() == []


def test_each_job_reads_on_in_the_files_of_its_module(servers: _Servers) -> None:
    assert servers.each("with_files") == [False] * MANY


def test_the_handlers_of_a_module_log_each_record_once(servers: _Servers) -> None:
    texts = sorted(f"number {n}" for n in range(MANY))
    assert sorted(servers.each("with_log")) == texts
    assert sorted((servers.folder / "log").read_text().splitlines()) == texts
    sent = [servers.datagrams.recv(1000).decode() for _ in range(MANY)]
    assert sorted(datagram.partition(">")[2].strip("\0") for datagram in sent) == texts
    until(lambda: len(servers.records) >= MANY)
    assert sorted(servers.records) == texts


def test_a_job_has_no_descriptor_of_interlock_but_its_two_pipes(
    servers: _Servers,
) -> None:
    lists = servers.each("descriptors")
    kinds = [
        Counter(re.sub(r":\[\d+\]|.*/", "", path) for path in paths) for paths in lists
    ]
    expected = {"lines": 101, "log": 1, "anon_inode:[eventpoll]": 1}
    expected |= {"other.db": 1, "other.db-wal": 1, "other.db-shm": 1}
    expected |= {"pipe": 3 * 2 + 2, "socket": 11 + len(_redis())}
    assert kinds == [expected] * MANY


def test_the_start_tells_which_global_has_connected_where(servers: _Servers) -> None:
    servers.each("in_memory")
    output = servers.worker.said()
    for name in ("plain", "session", "client", "sending"):
        assert f"e2e.connection_jobs.{name} has connected to 127.0.0.1:" in output
    assert "started threads" not in output
    for handled in ("pool", "pinging", "memory", "on_postgres", "streaming", "log"):
        assert f"{handled} has connected" not in output


def test_djangos_orm_connects_again_in_each_job(tmp_path: Path) -> None:
    with postgres.database() as url:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(
                "create table e2e_thing (id bigserial primary key, number int)"
            )
        with worker_of(
            "e2e.django_jobs",
            tmp_path,
            concurrency=8,
            environment={"T_POSTGRES": url},
        ) as worker:
            results: list[Any] = worker.results(things.call(n) for n in range(MANY))
            assert "has connected" not in worker.said()
    backends = list(chain.from_iterable(results))
    assert len(backends) == len(set(backends)) == MANY
