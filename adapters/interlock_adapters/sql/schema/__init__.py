"""What the database holds and refuses: tables, constraints, triggers, migrations.

Imports no other folder of this package.
"""
