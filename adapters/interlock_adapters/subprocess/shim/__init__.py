"""The supervisor process of each job: lease deadline, output, kill, proof of death.

Imports `child`, `kernel` and the protocol; runs no code of a job.
"""
