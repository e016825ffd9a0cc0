"""polars used at import."""

import polars as pl

from interlock import job
from workers import start

FRAME = pl.DataFrame({"key": [row % 7 for row in range(50_000)], "value": 1})
SUMS = FRAME.group_by("key").agg(pl.col("value").sum())


@job(name="science.work", timeout=60)
def work(number: int) -> list[object]:
    sums = FRAME.group_by("key").agg((pl.col("value") * number).sum())
    return [start(), sums.height]
