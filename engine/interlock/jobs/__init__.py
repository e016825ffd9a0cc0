"""Declares jobs and prepares submits: `@job`, options, parameters, the job context.

Imports `core` and `ports`. A process that runs a job needs only this room.
"""
