"""The worker's side: the `Runner` port, its zygote and its running attempts.

Imports the other folders of this package; nothing imports it.
"""
