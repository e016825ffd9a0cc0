"""scikit-learn at import; in the jobs its three kinds of parallel work."""

import numpy as np
from sklearn.cluster import KMeans
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV

from interlock import job
from workers import start

POINTS = np.linspace(0, 1, 800).reshape(200, 4)
ABOVE = (POINTS[:, 0] > 0.5).astype(int)


@job(name="science.work", timeout=60)
def work(number: int) -> list[object]:
    """Use threads of Python, and of OpenMP."""
    forest = RandomForestClassifier(4, n_jobs=2, random_state=number)
    boosted = HistGradientBoostingClassifier(max_iter=2)
    groups = KMeans(2, n_init=1, random_state=number).fit_predict(POINTS)
    right = [forest, boosted]
    guesses = [one.fit(POINTS, ABOVE).predict(POINTS) for one in right]
    assert len(set(groups)) == 2
    return [start(), int(sum((guess == ABOVE).sum() for guess in guesses)) >= 390]


@job(name="science.search", timeout=90)
def search(number: int) -> list[object]:
    """Use processes that joblib starts."""
    grid = GridSearchCV(LogisticRegression(), {"C": [1.0, 10.0]}, n_jobs=2, cv=2)
    order = np.random.default_rng(number).permutation(200)
    grid.fit(POINTS[order], ABOVE[order])
    return [start(), bool(grid.best_score_ > 0.9)]
