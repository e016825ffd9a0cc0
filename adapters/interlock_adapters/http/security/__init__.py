"""Who may ask, and how much: the middleware before every route.

Imports `schemas` and the settings.
"""
