"""The worker: its loop, its attempts, and the reaper.

Imports `jobs`, `ports` and `core`. Reaches stores and runners only through ports.
"""
