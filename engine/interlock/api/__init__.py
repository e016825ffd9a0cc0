"""The library API: `Engine`, its handles, and `AsyncEngine`.

Imports every other room except `testing`.
"""
