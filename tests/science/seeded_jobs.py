"""A module that seeds the generators that all share."""

import numpy as np
import torch

from interlock import job

np.random.seed(5)
torch.manual_seed(5)


@job(name="science.drawn")
def drawn(number: int) -> dict[str, float]:  # noqa: ARG001  (which of them it is)
    return {"seeded numpy": np.random.rand(), "seeded torch": torch.rand(1).item()}
