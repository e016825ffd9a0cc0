"""What the operating system is asked: process trees, signals, /proc.

Standard library only; imports no other folder of this package.
"""
