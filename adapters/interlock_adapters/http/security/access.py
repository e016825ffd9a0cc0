"""Checks host names, tokens and cross-site requests. Pure."""

import base64
import hashlib
import hmac
import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from interlock_adapters.http.schemas.problems import Problem
from interlock_adapters.http.settings import LOCAL_HOSTS, Settings, Token

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_READS_BY_POST = ("/v1/jobs/search",)
#: What needs no other authorization than the token in the path.
BY_TOKEN = "/v1/signals/"  # noqa: S105  (a path)
# Basic first: Chromium reads only the first scheme of a list, and asks for a password.
_CHALLENGE = {"WWW-Authenticate": 'Basic realm="interlock", Bearer realm="interlock"'}
#: Content types that an HTML form can send without CORS (fetch.spec.whatwg.org).
_JSON = "application/json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """The caller of a request: a token's name, or an address."""

    name: str | None
    address: str

    def actor(self, claimed: str | None) -> str:
        """Return the actor for the history. Callers cannot override a token's name."""
        if self.name is None:
            return claimed or "http"
        return (
            self.name if claimed in {None, self.name} else f"{claimed} via {self.name}"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardedRequest:
    """The parts of a request that the guard checks."""

    method: str
    path: str
    headers: Mapping[str, str]
    client: str
    server: str | None

    @property
    def writes(self) -> bool:
        """Whether it may change something."""
        return self.method not in _SAFE and self.path not in _READS_BY_POST


def admit(request: GuardedRequest, settings: Settings) -> Principal:
    """Return who asks.

    Raises:
        Problem: 401, 403 or 415; nothing of the request has reached the application.
    """
    _check_host(request, settings)
    principal = _check_token(request, settings)
    if request.method not in _SAFE:
        _check_site(request, settings)
        _check_type(request)
    return principal


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address or name."""
    if host in LOCAL_HOSTS:
        return True
    address = _address(host)
    mapped = getattr(address, "ipv4_mapped", None)
    return address is not None and (mapped or address).is_loopback


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host.removeprefix("[").removesuffix("]"))
    except ValueError:
        return None


def _check_host(request: GuardedRequest, settings: Settings) -> None:
    """Refuse unknown host names: DNS rebinding needs a name of the attacker's.

    IP literals cannot be rebound.
    """
    host = request.headers.get("host", "").lower()
    name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host
    is_allowed = name in LOCAL_HOSTS or name in settings.hosts
    if not is_allowed and _address(name) is None:
        detail = (
            f"Unknown host name {name!r}. To serve it, start the server with "
            f"--allow-host {name}."
        )
        raise Problem(403, "wrong-host", detail)


def _check_token(request: GuardedRequest, settings: Settings) -> Principal:
    if not settings.tokens:
        if request.server is not None and not is_loopback(request.server):
            detail = (
                "Without a token this server answers only on loopback addresses. Start "
                "it with --token-file."
            )
            raise Problem(403, "token-needed", detail)
        return Principal(name=None, address=request.client)
    if request.method == "POST" and request.path.startswith(BY_TOKEN):
        return Principal(name="token", address=request.client)
    token = _matching(_secret_in(request.headers), settings.tokens)
    if token is None:
        detail = "A valid token is required. Send it as Authorization: Bearer TOKEN."
        raise Problem(401, "unauthorized", detail, headers=dict(_CHALLENGE))
    if request.writes and not token.may_write:
        raise Problem(403, "read-only-token", "This token may only read.")
    return Principal(name=token.name, address=request.client)


def _matching(secret: str, tokens: Iterable[Token]) -> Token | None:
    """Return the token of a secret, in constant time."""
    digest = hashlib.sha256(secret.encode()).digest()
    matching = None
    for token in tokens:
        own_digest = hashlib.sha256(token.secret.encode()).digest()
        if hmac.compare_digest(own_digest, digest):
            matching = token
    return matching


def _secret_in(headers: Mapping[str, str]) -> str:
    """Return the secret of a request: as Bearer, or as a browser's Basic password."""
    scheme, _, secret = headers.get("authorization", "").partition(" ")
    secret = secret.strip()
    if scheme.lower() == "basic":
        try:
            secret = base64.b64decode(secret, validate=True).decode().partition(":")[2]
        except ValueError:
            return ""
        return secret
    return secret if scheme.lower() == "bearer" else ""


def _check_site(request: GuardedRequest, settings: Settings) -> None:
    """Reject cross-site requests, with or without a body."""
    origin = request.headers.get("origin")
    if origin is not None and origin in settings.origins:
        return
    site = request.headers.get("sec-fetch-site", "none")
    own_origins = {
        f"{scheme}://{request.headers.get('host', '')}" for scheme in ("http", "https")
    }
    if site not in {"none", "same-origin"} or (
        origin is not None and origin not in own_origins
    ):
        detail = "Cross-site request rejected."
        raise Problem(403, "cross-site", detail)


def _check_type(request: GuardedRequest) -> None:
    """Refuse content types of HTML forms; a body must be declared as JSON."""
    kind = request.headers.get("content-type")
    length = request.headers.get("content-length", "0")
    has_body = length != "0" or "transfer-encoding" in request.headers
    if kind is None and not has_body:
        return
    if (kind or "").partition(";")[0].strip().lower() != _JSON:
        detail = f"Send the body as {_JSON}."
        raise Problem(415, "unsupported-media-type", detail)
