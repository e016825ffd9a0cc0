"""numpy at import; in each job a product that OpenBLAS divides among threads."""

import numpy as np

from interlock import job
from workers import start

ONES = np.ones((600, 600))


@job(name="science.work", timeout=60)
def work(number: int) -> list[object]:
    product = ONES @ (ONES * number)
    assert (product == 600.0 * number).all()
    return [start(), float(product[0, -1])]
