"""The real engine on virtual time, in a world that fails, judged by that world.

Worker, attempts, supervision, notebook, reaper and canceling are the code that ships;
simulated are time, processes, the network to the store, and who crashes when. One seed
decides everything, so a run that fails can be run again.
"""
