"""Prepares what well-known libraries need after a fork; each job runs the steps.

A library is looked at only if the job modules have imported it. Every look at an object
asks its type, never the object itself: a lazy proxy may do anything when it is asked.
"""

import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

Step = Callable[[], object]
#: Fresh seeds have 128 bits (numpy) and 64 (torch); what people write has fewer.
_NUMPY_SEEDED_BELOW: Final = 2**64
_TORCH_SEEDED_BELOW: Final = 2**33
_NEEDED_BY: Final = ("random", "numpy.random", "sqlalchemy.engine")

_kept: Final[list[object]] = []  # no finalizer of an old pool may run in a job


def needs_objects() -> bool:
    """Whether `steps` needs all objects; to collect them takes time."""
    return any(name in sys.modules for name in _NEEDED_BY)


def steps(objects: Sequence[Any]) -> list[Step]:
    """Return the first steps of a job. `objects` are those of the garbage collector."""
    return [
        *_numpy(objects),
        *_random(objects),
        *_torch(),
        *_databases(objects),
        *(_connecting_again(handler) for handler in _connected_handlers()),
    ]


def of_kind(value: object, kind: Any) -> bool:
    """Whether an object's own type is `kind`."""
    return issubclass(type(value), kind)


def _numpy(objects: Sequence[Any]) -> Iterator[Step]:
    """Reseed generators that were not seeded, as if they were made in the job."""
    numpy: Any = sys.modules.get("numpy.random")
    if numpy is None:
        return
    generators = {
        id(generator): generator
        for generator in (*objects, numpy.mtrand._rand._bit_generator)
        if of_kind(generator, numpy.BitGenerator) and _is_unseeded(generator)
    }
    for generator in generators.values():
        yield _reseeded(generator)


def _is_unseeded(generator: Any) -> bool:
    entropy = getattr(generator.seed_seq, "entropy", 0)
    return isinstance(entropy, int) and entropy >= _NUMPY_SEEDED_BELOW


def _reseeded(generator: Any) -> Step:
    def reseed() -> None:
        with generator.lock:
            generator.state = type(generator)().state

    return reseed


def _random(objects: Sequence[Any]) -> Iterator[Step]:
    """Reseed every `random.Random`, as Python does with its global one in a fork.

    Whether somebody has seeded it cannot be told.
    """
    for generator in own_randoms(objects):
        yield generator.seed


def own_randoms(objects: Sequence[Any]) -> list[Any]:
    """Return the generators of `random` that Python does not reseed by itself."""
    random: Any = sys.modules.get("random")
    if random is None:
        return []
    return [
        value
        for value in objects
        if of_kind(value, random.Random)
        and not of_kind(value, random.SystemRandom)
        and value is not random._inst
    ]


def _torch() -> Iterator[Step]:
    torch: Any = sys.modules.get("torch")
    if torch is not None and torch.initial_seed() >= _TORCH_SEEDED_BELOW:
        yield torch.seed


def _databases(objects: Sequence[Any]) -> Iterator[Step]:
    """Empty connection pools: each closed connection would fail once."""
    for engine in engines(objects):
        yield _disposed(engine)
    django: Any = sys.modules.get("django.db")
    if django is not None:
        yield django.connections.close_all


def reconnecting(objects: Sequence[Any]) -> list[Any]:
    """Return the objects whose connections `steps` handles."""
    django: Any = sys.modules.get("django.db")
    connections = [] if django is None else list(django.connections.all())
    return [*engines(objects), *connections, *_connected_handlers()]


def _connected_handlers() -> list[Any]:
    """Return the handlers of logging that have a connection.

    Each would lose the first record that a job logs, without a word, and one of
    `SysLogHandler` by TCP every record.
    """
    handlers: Any = sys.modules.get("logging.handlers")
    if handlers is None:
        return []
    kinds = handlers.SocketHandler | handlers.SysLogHandler
    registered = (ref() for ref in handlers.logging._handlerList)
    return [
        handler
        for handler in registered
        if of_kind(handler, kinds) and _socket_of(handler)
    ]


def _socket_of(handler: Any) -> Any:
    return handler.__dict__.get("sock") or handler.__dict__.get("socket")


def _connecting_again(handler: Any) -> Step:
    def connect_again() -> None:  # when it is used
        _socket_of(handler).close()
        vars(handler)["sock" if "sock" in vars(handler) else "socket"] = None

    return connect_again


def engines(objects: Sequence[Any]) -> list[Any]:
    """Return the engines of SQLAlchemy whose database is not in memory."""
    engine: Any = sys.modules.get("sqlalchemy.engine")
    if engine is None:
        return []
    return [
        value
        for value in objects
        if of_kind(value, engine.Engine)
        and not (value.dialect.name == "sqlite" and value.url.database in _IN_MEMORY)
    ]


_IN_MEMORY: Final = (None, "", ":memory:")


def _disposed(engine: Any) -> Step:
    def dispose() -> None:
        _kept.append(engine.pool)
        engine.dispose(close=False)

    return dispose
