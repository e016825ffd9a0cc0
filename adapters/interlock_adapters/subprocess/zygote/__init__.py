"""The process that has imported the job modules and forks a shim for each job.

Imports `shim`, `child` and `kernel`.
"""
