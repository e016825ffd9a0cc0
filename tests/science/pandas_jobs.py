"""pandas at import, with a frame that all jobs have; a group-by and a join in each."""

import numpy as np
import pandas as pd

from interlock import job
from workers import start

FRAME = pd.DataFrame({"key": np.arange(70_000) % 7, "value": 1})


@job(name="science.work", timeout=60)
def work(number: int) -> list[object]:
    frame = FRAME.assign(value=FRAME["value"] * number)
    sums = frame.groupby("key")["value"].sum()
    joined = frame.merge(sums.rename("sum"), on="key")
    assert len(joined) == 70_000
    return [start(), int(joined["sum"].max())]
