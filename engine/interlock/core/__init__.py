"""The lifecycle table, the state machine, values and errors: no threads, clock or I/O.

Imports nothing of Interlock outside this folder.
"""
