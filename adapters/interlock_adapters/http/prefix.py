"""Where the server is in the URLs of its clients: below a prefix, or at the root."""

import ipaddress
import re
from collections.abc import Collection, Mapping
from typing import Final

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from interlock_adapters.http.schemas.problems import Problem
from interlock_adapters.http.settings import Settings, is_prefix

_HEADER: Final = "x-forwarded-prefix"
_ROOT: Final = "interlock.root"  # in the scope, by the route
_PARAM: Final = re.compile(r"{(\w+)(?::\w+)?}")


class Prefix:
    """Puts the prefix that a proxy removes from each URL into `root_path` (ASGI).

    The header of a trusted proxy counts before the setting. A proxy that leaves the
    prefix in the path is understood too, if it is the setting's.
    """

    def __init__(self, app: ASGIApp, settings: Settings, own: Collection[str]) -> None:
        self._app = app
        self._settings = settings
        self._own = own  # the first segments of the server's paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse its prefix (400)."""
        if scope["type"] == "http":
            try:
                scope = self._placed(scope)
            except Problem as problem:
                await problem.response()(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _placed(self, scope: Scope) -> Scope:
        forwarded = self._forwarded(scope)
        prefix = self._settings.root_path if forwarded is None else forwarded
        if not prefix:
            return scope
        path = scope["path"]
        if forwarded is None and self._has(prefix, path):
            path = path[len(prefix) :] or "/"
        root = prefix + scope.get("root_path", "")
        return {**scope, "root_path": root, "path": prefix + path}

    def _has(self, prefix: str, path: str) -> bool:
        """Whether a path begins with the prefix, and is no path of the server itself.

        With the prefix `/jobs`, `/jobs/v1/jobs` has it, and the page `/jobs/ID` has
        not.
        """
        if path == prefix:
            return path.removeprefix("/") not in self._own
        first, _, _ = path.removeprefix(f"{prefix}/").partition("/")
        return path.startswith(f"{prefix}/") and first in {"", *self._own}

    def _forwarded(self, scope: Scope) -> str | None:
        """Return the prefix that a trusted proxy tells. Raises Problem (400)."""
        values = Headers(scope=scope).getlist(_HEADER)
        client = (scope.get("client") or ("",))[0]
        if not values or not _is_trusted(client, self._settings.proxies):
            return None
        prefix = values[0].strip().rstrip("/")
        if len(values) > 1 or not is_prefix(prefix):
            detail = (
                "X-Forwarded-Prefix must be one path such as /jobs, of letters, digits "
                "and . _ ~ -, of up to 200 characters. Nothing was done."
            )
            raise Problem(400, "invalid-prefix", detail)
        return prefix


def _is_trusted(client: str, proxies: Collection[str]) -> bool:
    try:
        address = ipaddress.ip_address(client)
    except ValueError:
        return False
    address = getattr(address, "ipv4_mapped", None) or address
    return address.is_loopback or any(
        address in ipaddress.ip_network(each) for each in proxies
    )


def place(scope: Scope, template: str) -> None:
    """Note, for `root_of`, what comes before a route's own path in a request's path."""
    params: Mapping[str, object] = scope.get("path_params", {})
    own = _PARAM.sub(lambda found: str(params.get(found[1], "")), template)
    path: str = scope["path"]
    has_own = path.endswith(own)
    scope[_ROOT] = path[: -len(own)] if has_own else scope.get("root_path", "")


def root_of(scope: Scope) -> str:
    """Return the prefix of the server's URLs: empty, or `/` and more, without a `/`."""
    root: str = scope.get(_ROOT, "")
    return root


def located(response: Response, request: Request) -> Response:
    """Return a response with the prefix before its `Location`, if it has one."""
    location = response.headers.get("location", "")
    if location.startswith("/"):
        response.headers["location"] = root_of(request.scope) + location
    return response
