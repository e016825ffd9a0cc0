"""Adapters: what connects the engine to databases, processes, HTTP and the shell."""
