"""HTTP clients with the names, values and errors of `Engine`."""

from interlock.api.handle import AsyncJobHandle
from interlock_adapters.http.client.aio import AsyncClient
from interlock_adapters.http.client.errors import ServerRefused
from interlock_adapters.http.client.sync import Client

__all__ = ["AsyncClient", "AsyncJobHandle", "Client", "ServerRefused"]
