"""What a job is and may become: pure values and rules, no thread, no clock, no I/O.

Imports nothing of Interlock but this folder.
"""
