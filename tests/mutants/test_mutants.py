"""No planted bug survives: each is found by all who must find it."""

from __future__ import annotations

import re

import pytest

from model.search import search
from pace import some
from simulation.simulation import simulate

from .mutants import MUTANTS, Mutant

_SEEDS = range(1, 41)


def _is_found(
    patch: pytest.MonkeyPatch, mutant: Mutant, words: str, *, live: bool
) -> bool:
    """Whether a run says so; seed after seed, until one does."""
    for plant in mutant.planted:
        plant(patch)
    runs = (simulate(seed, live=live) for seed in _SEEDS)
    return any(re.search(words, what) for run in runs for what in run.violations)


@pytest.mark.parametrize("mutant", some(MUTANTS, 3))
def test_the_simulation_finds_it(mutant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found = MUTANTS[mutant]
    assert _is_found(monkeypatch, found, found.seen_as, live=True)


JUDGED = {name: mutant for name, mutant in MUTANTS.items() if mutant.judged_as}


@pytest.mark.parametrize("mutant", some(JUDGED, 3))
def test_the_judge_of_the_chaos_runs_finds_it(
    mutant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = f"the judge says: .*{JUDGED[mutant].judged_as}"
    assert _is_found(monkeypatch, JUDGED[mutant], words, live=False)


MODELED = {name: mutant for name, mutant in MUTANTS.items() if mutant.rules}


@pytest.mark.parametrize("mutant", MODELED.values(), ids=MODELED)
def test_the_model_has_a_counterexample(mutant: Mutant) -> None:
    assert mutant.rules is not None
    assert mutant.breaks in search(mutant.rules, until=mutant.breaks).broken
