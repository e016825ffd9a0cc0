"""Declaring and submitting jobs: `@job`, its options, parameters and context.

Imports `core` and `ports`. A process that runs a job needs no more than this.
"""
