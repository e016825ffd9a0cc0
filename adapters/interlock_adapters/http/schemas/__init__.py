"""What crosses HTTP: requests, responses, cursors and problems, as JSON.

Imports no route and no security.
"""
