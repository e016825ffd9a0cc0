"""No-op jobs of a module that imports numpy, beside those of one that does not."""

import argparse
import statistics
import tempfile

import noop_jobs
import numpy_jobs
from throughput import ROUNDS, throughput

from interlock import Engine
from interlock.jobs.registry import JobFunction

MODULES: dict[str, JobFunction[[], int]] = {
    "noop_jobs": noop_jobs.noop,
    "numpy_jobs": numpy_jobs.with_numpy,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=1000)
    parser.add_argument("--concurrency", type=int, default=32)
    options = parser.parse_args()
    rates: dict[str, list[float]] = {module: [] for module in MODULES}
    with tempfile.TemporaryDirectory() as name:
        url = f"sqlite:///{name}/jobs.db"
        with Engine.open(url) as engine:
            for _ in range(ROUNDS):  # machines change their pace: in turns
                for module, job in MODULES.items():
                    rate = throughput(
                        engine, url, options.jobs, options.concurrency, module, job
                    )
                    rates[module].append(rate)
    plain, numpy = (statistics.median(rates[module]) for module in MODULES)
    print(f"no-op jobs of a module with numpy: {numpy:.0f}/s; plain {plain:.0f}/s")
    print(f"  ratio {numpy / plain:.2f}, medians of {ROUNDS} rounds")


if __name__ == "__main__":
    main()
