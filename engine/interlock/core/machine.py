"""The state machine: the library `transitions`, built from the table.

It answers which events are legal, and where they lead.
"""

import logging

from transitions import Machine, MachineError

from interlock.core.errors import IllegalTransition
from interlock.core.lifecycle import INITIAL, TABLE, TERMINAL, Event, JobStatus

# It logs every step at INFO; the job's history has the same.
logging.getLogger("transitions").setLevel(logging.WARNING)


class _Cursor:
    """The smallest model that `transitions` accepts: one attribute, `state`."""

    __slots__ = ("state",)

    def __init__(self, status: JobStatus) -> None:
        self.state: str = status.value


# One machine for the whole process, never `add_model`: a model per job costs 40 us and
# leaks (transitions keeps it). Plain strings at this border: 0.9.3 mishandles StrEnum.
_machine = Machine(
    model=None,
    states=[
        {"name": status.value, "final": status in TERMINAL} for status in JobStatus
    ],
    initial=INITIAL.value,
    transitions=[
        {
            "trigger": row.event.value,
            "source": row.source.value,
            "dest": row.target.value,
        }
        for row in TABLE
    ],
    auto_transitions=False,
)

_LEGAL = {
    status: frozenset(Event(name) for name in _machine.get_triggers(status.value))
    for status in JobStatus
}


def legal(status: JobStatus) -> frozenset[Event]:
    """Return the events that a job of `status` may receive."""
    return _LEGAL[status]


def destination(status: JobStatus, event: Event) -> JobStatus:
    """Return the status that `event` leads to from `status`.

    Raises:
        IllegalTransition: the table has no such row.
    """
    cursor = _Cursor(status)
    try:
        _machine.events[event.value].trigger(cursor)
    except MachineError as error:
        raise IllegalTransition(status, event, legal(status)) from error
    return JobStatus(cursor.state)
