"""Known bugs, planted one by one into the running code; the tests must find each.

A test suite that stays green with one of these in the engine proves nothing about it.
`mutants.py` lists what is planted and which oracle must find it.
"""
