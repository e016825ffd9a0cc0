"""The guards switched off, one at a time, and the promise that each of them keeps.

Where two guards say the same, of a look and of the UPDATE after it, both are off.
"""

from typing import Final

from .promises import Promise

_P = Promise
Mutation = tuple[tuple[str, ...], str, Promise]

#: What is switched off, in which world, and what breaks.
MUTATIONS: Final[dict[str, Mutation]] = {
    "two jobs may have one slot": (
        ("slot_is_unique",),
        "limit 1, the best comes last",
        _P.LIMIT,
    ),
    "a job keeps its slot when it ends": (
        ("slots_are_freed",),
        "limit 1, 3 jobs",
        _P.NO_LEAK,
    ),
    "nobody asks for a slot": (
        ("look_sees_slots", "update_needs_slot", "slot_needs_room"),
        "limit 2, 3 jobs",
        _P.LIMIT,
    ),
    "nobody asks for pauses": (
        ("look_sees_pauses", "update_needs_open_queue"),
        "a pause",
        _P.PAUSED,
    ),
    "nobody asks for the time": (
        ("look_sees_moments", "update_needs_moment"),
        "a job expires",
        _P.MOMENT,
    ),
    "a refused job keeps its slot": (
        ("look_sees_pauses", "gives_back"),
        "a pause",
        _P.NO_LEAK,
    ),
    "who lost one slot keeps the other": (
        ("gives_back",),
        "two keys, one of them taken",
        _P.NO_LEAK,
    ),
    # Locks, and their order.
    "a pause does not wait for claims": (("barrier",), "a pause", _P.PAUSED),
    "a limit does not wait for claims": (("barrier",), "a lower limit", _P.LIMIT),
    "a claim meets a limit that was lowered": (
        ("barrier",),
        "a lower limit",
        _P.NO_REFUSAL,
    ),
    "who parks takes no locks": (
        ("parker_locks",),
        "limit 1, 3 jobs",
        _P.NOT_FORGOTTEN,
    ),
    "who opens takes no locks": (
        ("openers_lock",),
        "limit 1, 3 jobs",
        _P.NOT_FORGOTTEN,
    ),
    "slots are taken in any order": (
        ("slots_in_order",),
        "two keys, in any order",
        _P.ENDS,
    ),
    "who parks waits for locks": (("parker_only_tries",), "a pause", _P.ENDS),
    "the duty locks rows before causes": (
        ("reopen_locks_first",),
        "a due job is canceled",
        _P.ENDS,
    ),
    "who parks goes by an old look": (
        ("looks_again",),
        "limit 1, the best comes last",
        _P.NOT_FORGOTTEN,
    ),
    # slots_for_running gave a slot to a job whose end had not been committed.
    "a first limit does not wait for ends": (
        ("limit_waits_for_ends",),
        "a first limit",
        _P.NO_LEAK,
    ),
    "a first limit does not count who runs": (
        ("limit_counts_running",),
        "a first limit",
        _P.HELD,
    ),
    "nobody asks for what a job depends on": (
        ("look_sees_parents", "update_needs_parents"),
        "a job depends on another",
        _P.PARENTS,
    ),
    "who parks on a job does not lock it": (
        ("parker_locks_parents",),
        "a job depends on another",
        _P.NOT_FORGOTTEN,
    ),
    "an end does not look who waits for it": (
        ("end_opens_dependents",),
        "a job depends on two",
        _P.NOT_FORGOTTEN,
    ),
    # Who opens.
    "an end opens nobody": (("end_opens",), "limit 1, 3 jobs", _P.NOT_FORGOTTEN),
    "a cancel opens nobody": (("cancel_opens",), "a cancel", _P.NOT_FORGOTTEN),
    "a resume opens nobody": (("resume_opens",), "a pause", _P.NOT_FORGOTTEN),
    "a raised limit opens nobody": (
        ("limit_opens",),
        "a raised limit",
        _P.NOT_FORGOTTEN,
    ),
    "a slot is not passed on": (
        ("passes_on",),
        "a pause of one in three",
        _P.NOT_FORGOTTEN,
    ),
    "the slot of one of two keys is not passed on": (
        ("passes_on",),
        "two keys",
        _P.NOT_FORGOTTEN,
    ),
    "nobody promotes": (("claim_promotes", "reopens"), "a due job", _P.ENDS),
    "nobody opens the rest of a batch": (("reopens",), "small batches", _P.ENDS),
}

#: Each opening that may be lost, in a world that needs it: the duty makes up for it.
LOST: Final = {
    name: (off, world)
    for name, (off, world, promise) in MUTATIONS.items()
    if promise is Promise.NOT_FORGOTTEN
}
