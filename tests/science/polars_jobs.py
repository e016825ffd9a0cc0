"""polars at import; in each job its pool of threads groups and sorts."""

import polars as pl

from interlock import job
from workers import start


@job(name="science.work", timeout=60)
def work(number: int) -> list[object]:
    rows = range(35_000)
    frame = pl.DataFrame({"key": [row % 7 for row in rows], "value": number})
    sums = frame.lazy().group_by("key").agg(pl.col("value").sum()).sort("key").collect()
    return [start(), sums["value"][-1]]
