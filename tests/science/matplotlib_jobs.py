"""matplotlib at import; each job draws a PNG."""

import io

import matplotlib as mpl
import matplotlib.pyplot as plt

from interlock import job
from workers import start

mpl.use("Agg")


@job(name="science.work", timeout=60)
def work(number: int) -> list[object]:
    figure, axes = plt.subplots(figsize=(1, 1), dpi=50)
    axes.set_axis_off()
    figure.add_axes((0, 0, 1, 1)).set_facecolor((number / 255, 0, 0))
    file = io.BytesIO()
    figure.savefig(file, format="png")
    plt.close(figure)
    pixel = plt.imread(io.BytesIO(file.getvalue()))[25, 25]
    return [start(), round(float(pixel[0]) * 255)]
