"""Runs a request at most once per key."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from interlock.core.errors import InFlight, KeyReused, StoreUnavailable
from interlock.core.records import Answer
from interlock.ports.clock import Clock
from interlock.ports.store import JobStore

#: How long a key stays reserved if its server died before the answer.
_UNDER_WAY: Final = timedelta(seconds=60)


@dataclass(frozen=True, slots=True, kw_only=True)
class IdempotentRequest:
    """A request with a key, and how long its answer is kept."""

    key: str
    request: str
    kept: timedelta


def once(
    store: JobStore, wanted: IdempotentRequest, act: Callable[[], str], clock: Clock
) -> str:
    """See `Operations.once`."""
    now = clock.now()
    mine = Answer(
        key=wanted.key, request=wanted.request, text=None, until=now + _UNDER_WAY
    )
    before = store.reserve(mine, now=now)
    if before is not None:
        return _first_answer(before, wanted)
    try:
        with store.together():
            text = act()
            until = clock.now() + wanted.kept
            _keep(store, replace(mine, text=text, until=until), mine)
    except BaseException:
        with suppress(StoreUnavailable):  # then the reservation ends by itself
            store.forget(mine)
        raise
    return text


def _keep(store: JobStore, answer: Answer, reserved: Answer) -> None:
    if not store.keep(answer, reserved=reserved):
        raise InFlight(answer.key)  # it took too long: somebody else has begun


def _first_answer(before: Answer, wanted: IdempotentRequest) -> str:
    if before.request != wanted.request:
        raise KeyReused(wanted.key)
    if before.text is None:
        raise InFlight(wanted.key)
    return before.text
