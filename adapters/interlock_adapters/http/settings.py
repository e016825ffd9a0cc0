"""Configuration of the HTTP server: tokens, host names, limits."""

from dataclasses import dataclass, field
from typing import Final, Self

from interlock.core.errors import InvalidOption

#: What a browser or a program of this machine may call it. The last one is what
#: starlette's TestClient says: no name that a domain could have.
LOCAL_HOSTS: Final = frozenset({"localhost", "127.0.0.1", "[::1]", "testserver"})
_NOT_SENDABLE: Final = (
    "A token has a character that no header can carry. Write SECRET or NAME:SECRET, "
    "with a secret of printable ASCII characters."
)
_TOO_SHORT: Final = (
    "A token is empty or has a space in it. Write SECRET or NAME:SECRET, with a secret "
    "of at least one character."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A secret that grants access; its `name`, if any, is the actor in the history."""

    secret: str = field(repr=False)
    name: str | None = None
    may_write: bool = True

    def __post_init__(self) -> None:
        if not self.secret.isascii() or not self.secret.isprintable():
            raise InvalidOption.because("token", _NOT_SENDABLE)
        if not self.secret or " " in self.secret:
            raise InvalidOption.because("token", _TOO_SHORT)

    @classmethod
    def parse(cls, text: str, *, may_write: bool) -> Self:
        """Return the token of `SECRET` or `NAME:SECRET`.

        Raises:
            InvalidOption: it is empty, or no header could carry it.
        """
        name, colon, secret = text.strip().rpartition(":")
        if colon and not name.isprintable():
            raise InvalidOption.because("token", _NOT_SENDABLE)
        return cls(secret=secret, name=name or None, may_write=may_write)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings of one server; the defaults serve only this machine.

    Args:
        tokens: who may come in; none: everybody, from this machine only.
        hosts: names by which the server may be called, beside the local ones.
        origins: other sites (`https://example.org`) whose pages may write.
        max_body: bytes of a request.
        max_receive: seconds in which the whole body of a request has to arrive.
        max_depth: of arrays and objects in each other.
        max_batch: jobs in one request.
        max_pending: jobs that may wait in one queue before submits get 503.
        submits_per_s: of one token or address; twice as many at once.
        max_streams: event streams and long polls open at once.
        max_wait: seconds of `?wait=`.
        heartbeat: seconds between signs of life in a silent stream.
        answers_kept: seconds that an answer is kept for its Idempotency-Key.
        worker_recent: seconds after which a silent worker makes the server not ready.
    """

    tokens: tuple[Token, ...] = ()
    hosts: frozenset[str] = frozenset()
    origins: frozenset[str] = frozenset()
    max_body: int = 2 * 1024 * 1024
    max_receive: float = 30.0
    max_depth: int = 64
    max_batch: int = 500
    max_pending: int = 100_000
    submits_per_s: float = 1000.0
    max_streams: int = 1000
    max_wait: float = 60.0
    heartbeat: float = 15.0
    answers_kept: float = 86_400.0
    worker_recent: float = 60.0
