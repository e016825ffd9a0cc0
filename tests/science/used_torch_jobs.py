"""torch used at import: its threads are there before any fork."""

import torch

from interlock import job
from workers import start

SUM = (torch.ones(400, 400) @ torch.ones(400, 400)).sum()


@job(name="science.work", timeout=60)
def work(number: int) -> list[object]:
    again = torch.full((400, 400), float(number)) @ torch.ones(400, 400)
    return [start(), float(again[0, 0])]


@job(name="science.forked", timeout=60, isolation="fork")
def forked(number: int) -> list[object]:
    """Use no thread of torch's."""
    return [start(), int(SUM) * number]
