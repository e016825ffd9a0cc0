"""torch at import; in each job products, gradients and a convolution."""

import torch

from interlock import job
from workers import start


@job(name="science.work", timeout=60)
def work(number: int) -> list[object]:
    weights = torch.full((400, 400), float(number), requires_grad=True)
    (weights @ torch.ones(400, 400)).sum().backward()
    assert weights.grad is not None
    assert bool((weights.grad == 400).all())
    shape = torch.nn.Conv2d(3, 8, 3)(torch.rand(2, 3, 32, 32)).shape
    assert shape == (2, 8, 30, 30)
    return [start(), float((weights @ torch.ones(400, 400))[0, 0])]
