"""Generators that a module makes and nobody seeds, and others that it has seeded."""

import random

import numpy as np
import torch

from interlock import job

OWN = np.random.default_rng()
LEGACY = np.random.RandomState()
PLAIN = random.Random()
SEEDED = np.random.default_rng(7)
CHILD = np.random.default_rng(np.random.SeedSequence(7).spawn(1)[0])
SEEDED_LEGACY = np.random.RandomState(7)


@job(name="science.drawn")
def drawn(number: int) -> dict[str, float]:  # noqa: ARG001  (which of them it is)
    return {
        "numpy": np.random.rand(),  # noqa: NPY002  (what it is about)
        "default_rng": OWN.random(),
        "RandomState": LEGACY.rand(),
        "torch": torch.rand(1).item(),
        "random": random.random(),
        "Random": PLAIN.random(),
        "seeded default_rng": SEEDED.random(),
        "spawned default_rng": CHILD.random(),
        "seeded RandomState": SEEDED_LEGACY.rand(),
    }
