"""Libraries with threads of their own, imported by job modules: 100 forks of each.

`make science` runs these: they need the packages of the extra `science`.
"""

from __future__ import annotations

import importlib.util
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from interlock import job
from workers import worker_of

PACKAGES = ("matplotlib", "numpy", "pandas", "polars", "pyarrow", "scipy")
MISSING = [
    name
    for name in (*PACKAGES, "sklearn", "torch")
    if importlib.util.find_spec(name) is None
]

pytestmark = pytest.mark.skipif(
    bool(MISSING),
    reason=f"not installed: {', '.join(MISSING)}; `make science` installs and tests",
)


# The jobs' modules import what they are about. This process knows the names alone.
@job(name="science.work", timeout=60)
def work(number: int) -> list[object]: ...  # type: ignore[empty-body]


@job(name="science.search", timeout=90)
def search(number: int) -> list[object]: ...  # type: ignore[empty-body]


@job(name="science.forked", timeout=60, isolation="fork")
def forked(number: int) -> list[object]: ...  # type: ignore[empty-body]


@job(name="science.drawn")
def drawn(number: int) -> dict[str, float]: ...  # type: ignore[empty-body]


EXPECTED: dict[str, Callable[[int], object]] = {
    "numpy": lambda n: 600.0 * n,
    "scipy": lambda n: n,
    "pandas": lambda n: 10_000 * n,
    "pyarrow": lambda n: 4000 * n,
    "sklearn": lambda _n: True,
    "matplotlib": lambda n: n,
    "polars": lambda n: 5000 * n,
    "torch": lambda n: 400.0 * n,
}


@pytest.mark.parametrize("library", EXPECTED)
def test_a_hundred_forks_use_a_library_that_is_only_imported(
    library: str, tmp_path: Path
) -> None:
    with worker_of(f"science.{library}_jobs", tmp_path) as worker:
        results = worker.results(work.call(n) for n in range(100))
    assert results == [["fork", EXPECTED[library](n)] for n in range(100)]
    assert worker.said().count("started threads") == 0


def test_forks_search_a_grid_in_processes_of_their_own(tmp_path: Path) -> None:
    """Four alone: each starts two interpreters that import scikit-learn."""
    with worker_of("science.sklearn_jobs", tmp_path, concurrency=2) as worker:
        assert worker.results(search.call(n) for n in range(4)) == [["fork", True]] * 4


@pytest.mark.parametrize(
    ("library", "expected"),
    [("torch", [0.0, 400.0]), ("sklearn", [2, 2]), ("polars", [7, 7])],
)
def test_a_library_used_at_import_gets_fresh_interpreters(
    library: str, expected: list[object], tmp_path: Path
) -> None:
    module = f"science.used_{library}_jobs"
    with worker_of(module, tmp_path, concurrency=2) as worker:
        results = worker.results(work.call(n) for n in range(2))
        if library == "torch":
            assert worker.results(forked.call(n) for n in range(2)) == [
                ["fork", 0],
                ["fork", 64_000_000],
            ]
    assert results == [["fresh", result] for result in expected]
    output = worker.said()
    assert f"of {module}" in output
    assert "Each job gets a fresh interpreter" in output


def test_generators_differ_unless_somebody_seeded_them(tmp_path: Path) -> None:
    different: Counter[str] = Counter()
    for name in ("random", "seeded"):
        folder = tmp_path / name
        folder.mkdir()
        with worker_of(f"science.{name}_jobs", folder) as worker:
            drawings: list[object] = worker.results(drawn.call(n) for n in range(6))
        for drawing in {
            (key, value)
            for one in drawings
            if isinstance(one, dict)
            for key, value in one.items()
        }:
            different[drawing[0]] += 1
    assert different == {
        "numpy": 6,
        "default_rng": 6,
        "RandomState": 6,
        "torch": 6,
        "random": 6,
        "Random": 6,
        "seeded default_rng": 1,
        "spawned default_rng": 1,
        "seeded RandomState": 1,
        "seeded numpy": 1,
        "seeded torch": 1,
    }
