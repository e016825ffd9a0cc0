"""A module that seeds the generators that all share."""

import numpy as np
import torch

from interlock import job

np.random.seed(5)  # noqa: NPY002  (what it is about)
torch.manual_seed(5)


@job(name="science.drawn")
def drawn(number: int) -> dict[str, float]:  # noqa: ARG001  (which of them it is)
    legacy = np.random.rand()  # noqa: NPY002  (what it is about)
    return {"seeded numpy": legacy, "seeded torch": torch.rand(1).item()}
