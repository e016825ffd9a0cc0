"""A store in memory, for tests and trials."""

from interlock_adapters.memory.store import MemoryStore, open_store

__all__ = ["MemoryStore", "open_store"]
