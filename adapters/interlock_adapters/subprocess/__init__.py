"""The runner: runs each attempt in its own process tree, and proves its death.

worker -- zygote (prepared, forks) -- shim (one per job: kill domain, lease) -- job
"""
