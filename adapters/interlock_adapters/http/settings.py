"""Configuration of the HTTP server: tokens, host names, limits."""

import ipaddress
import math
import re
from dataclasses import dataclass, field, fields
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


_PREFIX: Final = re.compile(r"(/[A-Za-z0-9_~.-]*[A-Za-z0-9_~-][A-Za-z0-9_~.-]*)*")
_MAX_PREFIX: Final = 200
#: As a browser sends it: RFC 6454, 6.2. `*` would open the server to every site.
_ORIGIN: Final = re.compile(r"https?://([a-z0-9_.-]+|\[[0-9a-f:]+\])(:[0-9]{1,5})?")
_AN_ORIGIN: Final = (
    "scheme, host and port of one site in lower case, such as https://example.org"
)
_A_PREFIX: Final = (
    "a path such as /jobs, of up to 200 letters, digits and . _ ~ -, that does not "
    "begin with /v1"
)
#: Of the settings that count something: at least 1. The others are seconds or a rate.
_COUNTS: Final = ("max_body", "max_depth", "max_batch", "max_pending", "max_streams")
#: Settings that may be 0: nothing is waited for, kept, or taken.
_MAY_BE_ZERO: Final = ("max_wait", "answers_kept", "max_pending")
_A_PROXY: Final = "an address or a network of IP, such as 10.0.0.7 or 10.0.0.0/8"


def is_prefix(path: str) -> bool:
    """Whether a path may stand before the paths of the server; an empty one may.

    With a scheme, a host (`//`) or a quote, links and `Location` could lead elsewhere.
    """
    return len(path) <= _MAX_PREFIX and _PREFIX.fullmatch(path) is not None


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
        origins: other sites (`https://example.org`) whose pages may read and write.
        root_path: the path below which a proxy shows the server, such as `/jobs`.
        proxies: addresses and networks of proxies whose `X-Forwarded-Prefix` counts,
            beside loopback.
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

    Raises:
        InvalidOption: a number is not above 0 (`max_wait`, `answers_kept` and
            `max_pending` may be 0), a count is not whole, or a path, an origin or a
            proxy is none.
    """

    tokens: tuple[Token, ...] = ()
    hosts: frozenset[str] = frozenset()
    origins: frozenset[str] = frozenset()
    root_path: str = ""
    proxies: frozenset[str] = frozenset()
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

    def __post_init__(self) -> None:
        for setting in fields(self):
            if isinstance(setting.default, int | float):
                _check_number(setting.name, getattr(self, setting.name))
        root = self.root_path.rstrip("/")
        if not is_prefix(root) or root.split("/")[1:2] == ["v1"]:
            raise InvalidOption("root_path", self.root_path, _A_PREFIX)
        object.__setattr__(self, "root_path", root)
        for origin in self.origins:
            if _ORIGIN.fullmatch(origin) is None:
                raise InvalidOption("origins", origin, _AN_ORIGIN)
        for proxy in self.proxies:
            try:
                ipaddress.ip_network(proxy)
            except ValueError:
                raise InvalidOption("proxies", proxy, _A_PROXY) from None


def _check_number(name: str, value: object) -> None:
    """Refuse what is no number, or too small, or endless."""
    is_count, may_be_zero = name in _COUNTS, name in _MAY_BE_ZERO
    if (
        isinstance(value, int if is_count else int | float)
        and not isinstance(value, bool)
        and (0 < value < math.inf or (may_be_zero and value == 0))
    ):
        return
    kind = "a whole number" if is_count else "a number"
    least = "of at least 0" if may_be_zero else "above 0"
    raise InvalidOption(name, value, f"{kind} {least}")
