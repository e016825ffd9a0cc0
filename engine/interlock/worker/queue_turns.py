"""Which queues a worker with weights claims from: each gets its share of the starts.

Stride scheduling (Waldspurger and Weihl, 1995): a queue's pass grows with each start by
the inverse of its weight, and the queue with the least pass is next. A queue that had
nothing to start saves nothing up.
"""

from collections import Counter
from collections.abc import Iterable, Mapping


class QueueTurns:
    """The turns of the queues of one worker."""

    def __init__(self, weights: Mapping[str, int]) -> None:
        self._weights = weights
        self._passes = dict.fromkeys(sorted(weights), 0.0)

    def shares(self, many: int) -> Counter[str]:
        """Return how many of the next starts each queue gets, if it has enough jobs."""
        passes = dict(self._passes)
        shares: Counter[str] = Counter()
        for _ in range(many):
            queue = min(passes, key=lambda each: passes[each])
            shares[queue] += 1
            passes[queue] += 1 / self._weights[queue]
        return shares

    def started(self, queues: Iterable[str]) -> None:
        """Count starts, by the queues of their jobs."""
        for queue, many in Counter(queues).items():
            self._passes[queue] += many / self._weights[queue]

    def had_nothing(self, queue: str) -> None:
        """Note that a queue had no more jobs: the others do not owe it their turns."""
        self._passes[queue] = max(self._passes[queue], self._least_of_others(queue))

    def _least_of_others(self, queue: str) -> float:
        others = (at for each, at in self._passes.items() if each != queue)
        return min(others, default=0.0)
