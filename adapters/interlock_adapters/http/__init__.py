"""The HTTP API: FastAPI routes, each one engine call, behind one middleware.

`interlock_adapters.http.client` needs httpx alone: the server is imported when asked
for.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from interlock_adapters.http.settings import Settings, Token

if TYPE_CHECKING:
    from interlock_adapters.http.app import create_app, router
    from interlock_adapters.http.security.middleware import Guard

__all__ = ["Guard", "Settings", "Token", "create_app", "router"]

_LATER = {
    "Guard": "interlock_adapters.http.security.middleware",
    "create_app": "interlock_adapters.http.app",
    "router": "interlock_adapters.http.app",
}


def __getattr__(name: str) -> object:
    """Import a name of `_LATER` at its first use."""
    if name not in _LATER:
        message = f"module 'interlock_adapters.http' has no attribute {name!r}"
        raise AttributeError(message)
    value = globals()[name] = getattr(import_module(_LATER[name]), name)
    return value
