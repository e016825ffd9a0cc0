"""The known bugs as data: what is planted, and who must find it.

The simulation must find all of them: it sees the world itself, and stops where a
promise breaks. The judge of the chaos runs sees nothing but the records and the journal
of the jobs, in the same simulated world; it must find those that leave a trace there:
two trees at once, two ends, a lost job. The model must find, with the same rule off,
those that are about the protocol; it knows no time, no hand-off to a supervisor, no
limit of a name (`model.claiming` does), and no store that forgets.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from interlock.core.lifecycle import TABLE, Event, Guard, Who
from model.invariants import Promise
from model.mutations import REAPED
from model.rules import Rules

from . import plants
from .plants import Plant, without


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """One bug, and the words in which it must be found."""

    planted: tuple[Plant, ...]
    seen_as: str  # pattern of the simulation's sentence
    judged_as: str | None = None  # of the judge's; None: it leaves no trace
    rules: Rules | None = None  # the same bug in the model; None: it knows no such rule
    breaks: Promise | None = None


_WORKER: Final = tuple(row.event for row in TABLE if row.who is Who.WORKER)
_STOPPED: Final = (Event.TIME_OUT, Event.FINISH_CANCEL)
_KILLED: Final = (*_STOPPED, Event.RETRY, Event.RELEASE)
_RULES: Final = Rules()

MUTANTS: Final = {
    "no attempt check": Mutant(
        planted=(
            without(frozenset({Guard.HELD}), *_WORKER),
            plants.renew_for_anybody,
        ),
        seen_as="stale attempt wrote",
        rules=_RULES.without(Guard.HELD, *_WORKER),
        breaks=Promise.STALE_IS_SILENT,
    ),
    "no compare-and-set on status": Mutant(
        planted=(plants.ignore_status,),
        seen_as="changed a terminal row",
        judged_as="terminal rows",
        rules=Rules(compare_and_set=False),
        breaks=Promise.TERMINAL_IS_FINAL,
    ),
    "rescue without re-check in its UPDATE": Mutant(
        planted=(without(frozenset({Guard.HELD, Guard.LOST}), *REAPED),),
        seen_as="stale attempt wrote",
        judged_as="two attempts alive at once",
        rules=_RULES.without(Guard.HELD, *REAPED).without(Guard.LOST, *REAPED),
        breaks=Promise.ONE_TREE,
    ),
    "no self-fence": Mutant(
        planted=(plants.never_fence,),
        seen_as="while a tree of it lives",
        judged_as="two attempts alive at once",
        rules=Rules(self_fencing=False),
        breaks=Promise.ONE_TREE,
    ),
    "kill after the terminal write": Mutant(
        planted=(
            without(frozenset({Guard.PROVED}), *_KILLED),
            plants.end_before_death,
        ),
        seen_as="while a tree of it lives|started 1 of a",
        judged_as="two attempts alive at once",
        rules=_RULES.without(Guard.PROVED, *_STOPPED),
        breaks=Promise.DEAD_WHEN_SAID,
    ),
    "spawn after a lost lease": Mutant(
        planted=(plants.count_from_the_answer,),
        seen_as="started .* row|two live trees at once",
    ),
    "rescue only when idle": Mutant(
        planted=(plants.rescue_when_idle,),
        seen_as="nobody moves it on",
    ),
    "a dead worker is taken for a dead tree": Mutant(
        planted=(plants.trust_death,),
        seen_as="while a tree of it lives",
        rules=Rules(prove_emptiness=False),
        breaks=Promise.ONE_TREE,
    ),
    "PENDING keeps the stop cause": Mutant(
        planted=(plants.keep_the_stop,),
        seen_as="was born with",
        rules=Rules(clear_stop=False),
        breaks=Promise.BORN_CLEAN,
    ),
    "a timeout counts from before the claim": Mutant(
        planted=(plants.time_from_the_question,),
        seen_as=r"stopped \(too_long\) after",
    ),
    "a deadline that cannot come any more keeps a worker awake": Mutant(
        planted=(plants.stay_armed,),
        seen_as="it spins",
    ),
    "a worker does not stop": Mutant(
        planted=(plants.never_stop,),
        seen_as="it does not stop",
    ),
    "a claim does not look at the limit": Mutant(
        planted=(without(frozenset({Guard.SLOT_FREE}), Event.CLAIM),),
        seen_as="more jobs of a key run than its limit",
    ),
    "a claim does not look at the rate": Mutant(
        planted=(without(frozenset({Guard.RATE_FREE}), Event.CLAIM),),
        seen_as="more jobs of a key started than its rate",
    ),
    "a claim does not look at holds": Mutant(
        planted=(without(frozenset({Guard.GROUP_FREE}), Event.CLAIM),),
        seen_as="started while it was held",
    ),
    "a claim does not look at the hold of the job": Mutant(
        planted=(without(frozenset({Guard.NOT_ON_HOLD}), Event.CLAIM),),
        seen_as="started while it was held",
        rules=_RULES.without(Guard.NOT_ON_HOLD, Event.CLAIM),
        breaks=Promise.HOLD_HOLDS,
    ),
    "a claim does not look at what the job depends on": Mutant(
        planted=(without(frozenset({Guard.PARENTS_DONE}), Event.CLAIM),),
        seen_as="started before what it depends on has ended so",
        rules=_RULES.without(Guard.PARENTS_DONE, Event.CLAIM),
        breaks=Promise.PARENTS_FIRST,
    ),
    "a claim does not look at the finalizer": Mutant(
        planted=(without(frozenset({Guard.CHILDREN_ENDED}), Event.CLAIM),),
        seen_as="started before what it depends on|a finalizer after the start",
        rules=_RULES.without(Guard.CHILDREN_ENDED, Event.CLAIM),
        breaks=Promise.CHILDREN_FIRST,
    ),
    "a signal that came before the wait is not seen": Mutant(
        planted=(plants.overlook_signals,),
        seen_as="waits for a signal that has come",
    ),
    "a signal is acknowledged and not kept": Mutant(
        planted=(plants.forget_signals,),
        seen_as="the signal .* is lost",
    ),
    "a step is acknowledged and not kept": Mutant(
        planted=(plants.forget_steps,),
        seen_as="did the step .* again",
        judged_as="did the step .* again",
    ),
    "a step fails where the store is down": Mutant(
        planted=(plants.fail_while_the_store_is_down,),
        seen_as="failed: (nobody answers|the answer is lost)",
    ),
    "a job does not wait for the one that it has submitted": Mutant(
        planted=(plants.never_wait_for_children,),
        seen_as="went on before its child",
        judged_as="went on before its child",
    ),
    "a job is submitted again by each attempt": Mutant(
        planted=(plants.submit_again,),
        seen_as="submitted .* jobs where one was asked for",
        judged_as="submitted .* jobs where one was asked for",
    ),
    "no finalizer is submitted": Mutant(
        planted=(plants.never_finalize,),
        seen_as="have ended, and finalizers are for",
    ),
    "a claim does not look at the pause": Mutant(
        planted=(without(frozenset({Guard.QUEUE_OPEN}), Event.CLAIM),),
        seen_as="started from a paused queue",
    ),
    "a claim does not wait until a job is due": Mutant(
        planted=(without(frozenset({Guard.DUE}), Event.CLAIM),),
        seen_as="started before it was due",
    ),
    "a claim does not look at the expiry": Mutant(
        planted=(without(frozenset({Guard.FRESH}), Event.CLAIM),),
        seen_as="started after it had expired",
    ),
    "a claim does not look at the deadline": Mutant(
        planted=(without(frozenset({Guard.BEFORE_DEADLINE}), Event.CLAIM),),
        seen_as="started after its deadline",
        judged_as="began after the deadline",
    ),
    "a retry does not look at the deadline": Mutant(
        planted=(
            without(frozenset({Guard.RETRY_IN_TIME}), Event.RETRY),
            plants.retry_at_any_time,
        ),
        seen_as="to be tried again after its deadline",
    ),
    "a failure is taken for a snooze": Mutant(
        planted=(plants.snooze_failures,),
        seen_as="snooze, but its tree: End.FAILED",
        judged_as="was snoozed, and did not ask for it",
        rules=_RULES.without(Guard.GAVE_BACK),
        breaks=Promise.NO_FREE_RETURN,
    ),
    "a unique key is not looked up": Mutant(
        planted=(plants.give_keys_to_everybody,),
        seen_as="another live job has its key",
    ),
    "a tick that fires is not kept": Mutant(
        planted=(plants.forget_ticks_that_fire,),
        seen_as="a tick is missing",
        judged_as="a tick is missing",
    ),
    "a tick fires twice": Mutant(
        planted=(plants.fire_ticks_twice,),
        seen_as="the jobs are not those of the ticks",
        judged_as="the jobs are not those of the ticks",
    ),
    "a submit is acknowledged and not kept": Mutant(
        planted=(plants.forget_submits,),
        seen_as="acknowledged, and not found",
        judged_as="lost",
    ),
}
