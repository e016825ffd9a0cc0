"""The middleware in front of every route: access and limits.

Imports `schemas` and the settings.
"""
