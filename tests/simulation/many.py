"""Many seeds on all cores, each a storm and then a day of ordinary weather.

`make simulate RUNS=100` prints how many simulated hours a minute that were.
"""

from __future__ import annotations

import argparse
import sys
import time
from functools import partial
from multiprocessing import Pool

from .simulation import simulate


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--hours", type=float, default=24.0, help="of ordinary weather")
    parser.add_argument("--seed", type=int, default=1, help="the first")
    options = parser.parse_args()
    seeds = range(options.seed, options.seed + options.runs)
    run = partial(simulate, ordinary_s=options.hours * 3600)
    started = time.perf_counter()
    simulated_s, jobs, broken = 0.0, 0, 0
    with Pool() as pool:
        for report in pool.imap_unordered(run, seeds):
            simulated_s += report.simulated_s
            jobs += sum(report.ends.values())
            if report.violations:
                broken += 1
                print(report)
    minutes = (time.perf_counter() - started) / 60
    hours = simulated_s / 3600
    print(f"{options.runs} runs, {jobs} jobs, {broken} runs with violations:")
    print(
        f"{hours:.0f} simulated hours in {minutes:.1f} min, {hours / minutes:.0f}/min"
    )
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
