"""A module that opens at import whatever modules open, and jobs that use it."""

import asyncio
import logging.handlers
import multiprocessing
import os
import socket
import tempfile
from collections.abc import Callable
from pathlib import Path

import httpx
import psycopg
import redis
import requests
import sqlalchemy as sa

from interlock import Engine, job

POSTGRES = os.environ["T_POSTGRES"]
HTTP = os.environ["T_HTTP"]
ALCHEMY = POSTGRES.replace("postgresql:", "postgresql+psycopg:")
ECHO = "select cast(:number as int), pg_backend_pid()"

pool = sa.create_engine(ALCHEMY, pool_size=2)
pinging = sa.create_engine(ALCHEMY, pool_pre_ping=True)
for made in (pool, pinging):
    with made.begin() as first:
        first.execute(sa.text("select 1"))
memory = sa.create_engine("sqlite://")
with memory.begin() as first:
    first.execute(sa.text("create table kept (number int)"))
    first.execute(sa.text("insert into kept values (7)"))
plain = psycopg.connect(POSTGRES, autocommit=True)
plain.execute("select 1")
session = requests.Session()
session.get(HTTP)
client = httpx.Client()
client.get(HTTP)
loop = asyncio.new_event_loop()
loop.run_until_complete(asyncio.sleep(0))
queue = multiprocessing.get_context("fork").SimpleQueue()
reader, writer = multiprocessing.Pipe(duplex=False)
left, right = socket.socketpair()
on_sqlite = Engine.open(os.environ["T_SQLITE"])
on_postgres = Engine.open(POSTGRES)
assert on_sqlite.counts() is not None
assert on_postgres.counts() is not None
if "T_REDIS" in os.environ:
    store = redis.Redis.from_url(os.environ["T_REDIS"])
    store.ping()

folder = tempfile.TemporaryDirectory()
lines = Path(folder.name, "lines")
lines.write_text("".join(f"line {number}\n" for number in range(2000)))
reading = lines.open(encoding="ascii", buffering=128)
reading.readline()
hundred = [lines.open("rb") for _ in range(100)]

log = logging.getLogger("e2e.connections")
log.propagate = False
log.setLevel(logging.INFO)
rotating = logging.handlers.RotatingFileHandler(
    os.environ["T_LOG"], maxBytes=10_000_000, backupCount=1
)
streaming = logging.handlers.SocketHandler("127.0.0.1", int(os.environ["T_LOG_PORT"]))
streaming.createSocket()
datagrams = logging.handlers.SysLogHandler(("127.0.0.1", int(os.environ["T_UDP_PORT"])))
queued = multiprocessing.get_context("fork").Queue()
for handler in (rotating, streaming, datagrams, logging.handlers.QueueHandler(queued)):
    log.addHandler(handler)


class Sending(logging.Handler):
    """A handler that nobody knows, with a connection."""

    def __init__(self, peer: tuple[str, int]) -> None:
        super().__init__(logging.CRITICAL)
        self.peer = socket.create_connection(peer)


sending = Sending(("127.0.0.1", int(os.environ["T_LOG_PORT"])))
log.addHandler(sending)


def _asked(engine: sa.Engine, number: int) -> list[int]:
    backends = set()
    for turn in range(20):
        with engine.begin() as connection:
            params = {"number": number * 1000 + turn}
            answer, backend = connection.execute(sa.text(ECHO), params).one()
        assert answer == params["number"]
        backends.add(backend)
    return sorted(backends)


def with_pool(number: int) -> object:
    return _asked(pool, number)


def with_pinging_pool(number: int) -> object:
    return _asked(pinging, number)


def in_memory(_number: int) -> object:
    with memory.begin() as connection:
        return connection.execute(sa.text("select number from kept")).scalar()


def with_plain_psycopg(number: int) -> object:
    row = plain.execute("select %s::int", (number,)).fetchone()
    return row and row[0]


def with_redis(number: int) -> object:
    ids = set()
    for turn in range(20):
        text = f"{number}-{turn}"
        assert store.echo(text) == text.encode()
        ids.add(store.client_id())
    return sorted(ids)


def _got(get: Callable[[str], httpx.Response | requests.Response], number: int) -> int:
    ports = set()
    for turn in range(20):
        path, client_port = get(f"{HTTP}/{number}-{turn}").text.split()
        assert path == f"/{number}-{turn}"
        ports.add(int(client_port))
    (port,) = ports
    return port


def with_requests(number: int) -> object:
    return _got(session.get, number)


def with_httpx(number: int) -> object:
    return _got(client.get, number)


def with_loop(number: int) -> object:
    async def several() -> list[int]:
        numbers = []
        for _ in range(10):
            await asyncio.sleep(0.001)
            numbers.append(await loop.run_in_executor(None, lambda: number))
        return numbers

    return set(loop.run_until_complete(several())) == {number}


def with_pipes(number: int) -> object:
    for turn in range(20):
        queue.put((number, turn))
        assert queue.get() == (number, turn)
        writer.send((number, turn))
        assert reader.recv() == (number, turn)
        left.send(b"%d" % number)
        assert right.recv(10) == b"%d" % number
    return number


def with_engines(number: int) -> object:
    """Submit to two databases; nobody runs it there."""
    return [
        engine.submit(use, "in_memory", number).job().params["number"]
        for engine in (on_sqlite, on_postgres)
    ]


def with_files(number: int) -> object:
    """Read on, each from the position where the module has left it."""
    if number % 2:
        assert reading.readline() == "line 1\n"
        assert len(reading.readlines()) == 1998
        assert all(file.readline() == b"line 0\n" for file in hundred)
    return reading.closed


def with_log(number: int) -> object:
    log.info("number %d", number)
    return queued.get(timeout=10).getMessage()


def descriptors(_number: int) -> object:
    """Return what is open from 3 up, but for the folder of this very look."""
    paths = {}
    for name in os.listdir("/proc/self/fd"):
        fd = int(name)
        try:
            paths[fd] = str(Path(f"/proc/self/fd/{fd}").readlink())
        except OSError:
            continue
    return [what for fd, what in sorted(paths.items()) if fd > 2]


@job(name="e2e.use", timeout=60)
def use(kind: str, number: int) -> object:
    functions: dict[str, Callable[[int], object]] = globals()
    return functions[kind](number)
