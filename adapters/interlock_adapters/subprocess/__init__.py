"""The runner: each attempt in a process tree of its own, which can be proved dead.

worker -- zygote (prepared, forks) -- shim (one a job: kill domain, lease) -- job
"""
