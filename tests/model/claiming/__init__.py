"""An explicit-state search of claiming: parked jobs, slots of keys, limits, pauses.

The statements of `sql/store/claims.py` and `sql/store/parking.py` are the atomic steps,
in PostgreSQL's READ COMMITTED: a transaction sees what is committed and what it wrote
itself. kill -9 may end it before each statement. Left out: the search for lanes when
foreign jobs fill the window, and retries after a deadlock: none may happen.
"""
