"""OpenMP, through scikit-learn, used at import."""

import numpy as np
from sklearn.cluster import KMeans

from interlock import job
from workers import start

POINTS = np.linspace(0, 1, 3000).reshape(1000, 3)
CENTERS = KMeans(2, n_init=1).fit(POINTS).cluster_centers_


@job(name="science.work", timeout=60)
def work(number: int) -> list[object]:
    groups = KMeans(2, n_init=1, random_state=number).fit_predict(POINTS)
    return [start(), len(set(groups))]
