"""What an application calls: the engine, its handles, and the asyncio twin.

Imports every other room but `testing`.
"""
