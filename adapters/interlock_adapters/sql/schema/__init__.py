"""The database schema: tables, constraints, triggers, migrations.

Imports no other folder of this package.
"""
