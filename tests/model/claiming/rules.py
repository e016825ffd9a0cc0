"""The guards of claiming, each of which a mutation can switch off."""

from typing import NamedTuple


class Rules(NamedTuple):
    """What holds in one search."""

    # The database's own guards.
    slot_is_unique: bool = True  # the primary key of a slot
    slot_needs_room: bool = True  # the trigger that compares numbers with the limit
    slots_are_freed: bool = True  # the trigger of a job that leaves RUNNING
    update_needs_slot: bool = True  # Guard.SLOT_FREE in the claim's UPDATE
    update_needs_open_queue: bool = True  # Guard.QUEUE_OPEN there
    update_needs_moment: bool = True  # Guard.DUE and Guard.FRESH there
    update_needs_parents: bool = True  # Guard.PARENTS_DONE there
    # What the look leaves out of a plan.
    look_sees_slots: bool = True
    look_sees_pauses: bool = True
    look_sees_moments: bool = True
    look_sees_parents: bool = True
    # Locks, and their order.
    barrier: bool = True  # a pause or a new limit waits for the claims
    parker_locks: bool = True
    openers_lock: bool = True
    parker_locks_parents: bool = True  # the row of the job that one is parked on
    parker_only_tries: bool = True
    reopen_locks_first: bool = True  # before it promotes, which locks rows
    slots_in_order: bool = True  # who waits for a slot holds no later one
    looks_again: bool = True  # under the locks, before it parks
    limit_waits_for_ends: bool = True  # before it gives slots to running jobs
    gives_back: bool = True  # the slot of a job that did not start
    # Who opens parked jobs.
    end_opens: bool = True
    end_opens_dependents: bool = True
    cancel_opens: bool = True
    resume_opens: bool = True
    limit_opens: bool = True
    passes_on: bool = True  # the slot that a job was opened for and cannot take
    claim_promotes: bool = True
    reopens: bool = True  # the duty
    limit_counts_running: bool = True  # jobs that run already are given slots
