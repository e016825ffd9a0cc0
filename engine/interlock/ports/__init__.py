"""What the engine needs of the world: store, runner, feed, clock, tracing.

Protocols, and how their adapters are found. Imports `core` alone.
"""
