"""Questions to the operating system: process trees, signals, /proc.

Standard library only; imports no other folder of this package.
"""
