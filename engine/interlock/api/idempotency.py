"""Runs a request at most once per key."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from interlock.core.errors import InFlight, KeyReused, StoreUnavailable
from interlock.core.records import Answer
from interlock.ports.store import JobStore

#: How long a key stays reserved if its server died before the answer.
_UNDER_WAY: Final = timedelta(seconds=60)


@dataclass(frozen=True, slots=True, kw_only=True)
class IdempotentRequest:
    """A request with a key, and how long its answer is kept."""

    key: str
    request: str
    kept: timedelta


def once(store: JobStore, request: IdempotentRequest, act: Callable[[], str]) -> str:
    """See `Operations.once`."""
    now = store.now()
    reservation = Answer(
        key=request.key, request=request.request, text=None, until=now + _UNDER_WAY
    )
    before = store.reserve(reservation, now=now)
    if before is not None:
        return _first_answer(before, request)
    try:
        with store.together():
            text = act()
            until = store.now() + request.kept
            _keep(store, replace(reservation, text=text, until=until), reservation)
    except BaseException:
        with suppress(StoreUnavailable):  # then the reservation ends by itself
            store.forget(reservation)
        raise
    return text


def _keep(store: JobStore, answer: Answer, reserved: Answer) -> None:
    if not store.keep(answer, reserved=reserved):
        raise InFlight(answer.key)  # it took too long: somebody else has begun


def _first_answer(before: Answer, request: IdempotentRequest) -> str:
    if before.request != request.request:
        raise KeyReused(request.key)
    if before.text is None:
        raise InFlight(request.key)
    return before.text
