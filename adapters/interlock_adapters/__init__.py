"""Adapters: one package or module for each thing in the world the engine talks to."""
