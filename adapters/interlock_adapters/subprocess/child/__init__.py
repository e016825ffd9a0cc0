"""The job's own process: imports its module, calls the function, ends.

Imports `kernel` and the protocol.
"""
