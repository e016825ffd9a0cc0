"""scipy at import; in each job LAPACK and an FFT with two threads."""

import numpy as np
import scipy.fft
import scipy.linalg

from interlock import job
from workers import start

MATRIX = np.eye(600) * 2 + 1


@job(name="science.work", timeout=60)
def work(number: int) -> list[object]:
    solution = scipy.linalg.solve(MATRIX, MATRIX @ np.full(600, float(number)))
    spectrum = scipy.fft.fft2(np.full((200, 200), float(number)), workers=2)
    assert np.allclose(solution, number)
    return [start(), round(float(spectrum[0, 0].real) / 40_000)]
