"""The job's own process: imports its module, calls the function, and ends.

Imports `kernel` and the protocol.
"""
