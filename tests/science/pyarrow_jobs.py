"""pyarrow at import; in each job its pool of threads groups, sorts, writes, reads."""

import io

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from interlock import job
from workers import start


@job(name="science.work", timeout=60)
def work(number: int) -> list[object]:
    rows = range(20_000)
    table = pa.table({"key": [row % 5 for row in rows], "value": [number] * len(rows)})
    sums = table.group_by("key").aggregate([("value", "sum")])
    assert len(pc.sort_indices(table["key"])) == 20_000
    file = io.BytesIO()
    pq.write_table(sums, file)
    again = pq.read_table(io.BytesIO(file.getvalue()), use_threads=True)
    return [start(), pc.max(again["value_sum"]).as_py()]
