"""SQL statements, built from the tables, and rows as values. Executes nothing.

Imports `schema` alone.
"""
