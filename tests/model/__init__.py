"""An explicit-state search of the protocol, built from the lifecycle table.

One job, two workers, a client, and a reaper that acts on stale reads; kill -9 of
workers and shims, partitions, cancel, timeout, shutdown, retries. Left out: a process
that the kernel does not let die, and a shim killed together with the zygote above it.
Fencing assumes that a kill kills. Limits, pauses and times: see `claiming`.
"""
