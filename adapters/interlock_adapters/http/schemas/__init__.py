"""The JSON of the HTTP API: requests, responses, cursors and problems.

Imports no route and no security.
"""
