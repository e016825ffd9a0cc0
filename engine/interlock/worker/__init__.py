"""Running jobs: the loop, its attempts, and what follows from what it sees.

Imports `jobs`, `ports` and `core`; reaches the world through ports alone.
"""
