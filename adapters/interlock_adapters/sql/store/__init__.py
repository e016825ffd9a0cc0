"""The `JobStore`: runs the statements in transactions.

Imports `statements` and `schema`; what differs between databases is in a `Dialect`.
"""
