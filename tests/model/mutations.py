"""The rules switched off one at a time, and the promise that each of them keeps.

Most are bugs that a job queue really had; the comment above names one.
"""

from typing import Final

from interlock.core.lifecycle import TABLE, Counter, Event, Guard, Who

from .invariants import Promise
from .rules import Rules

RULES: Final = Rules()
REAPED: Final = (
    Event.RESCUE,
    Event.GIVE_UP,
    Event.TIME_OUT_LOST,
    Event.CANCEL_LOST,
)
CLAIM: Final = "worker: claim"

#: What is switched off, what breaks, and the last step of a shortest way there.
MUTATIONS: Final = {
    # rq#2160
    "writes name no source status": (
        Rules(compare_and_set=False),
        Promise.TERMINAL_IS_FINAL,
        "client: cancel",
    ),
    "claims name no source status": (
        Rules(compare_and_set=False),
        Promise.ONE_TREE,
        CLAIM,
    ),
    # procrastinate, MLflow 3.18
    "workers name no attempt": (
        RULES.without(
            Guard.HELD,
            *(row.event for row in TABLE if row.who is Who.WORKER),
        ),
        Promise.ONE_TREE,
        CLAIM,
    ),
    # dbos#767
    "success ignores a stop": (
        RULES.without(Guard.NOT_STOPPED, Event.SUCCEED),
        Promise.STOP_BEATS_SUCCESS,
        "worker: succeed",
    ),
    "a stop overwrites a stop": (
        RULES.without(Guard.NOT_STOPPED, Event.STOP),
        Promise.STOP_ONCE,
        "worker: stop SHUTDOWN",
    ),
    # kubernetes#123775
    "a terminal status needs no proof": (
        RULES.without(Guard.PROVED, Event.TIME_OUT, Event.FINISH_CANCEL),
        Promise.DEAD_WHEN_SAID,
        "worker: time_out",
    ),
    "going back to PENDING needs no proof": (
        RULES.without(Guard.PROVED, Event.RETRY, Event.RELEASE, Event.SNOOZE),
        Promise.ONE_TREE,
        CLAIM,
    ),
    # bullmq#3183
    "no shim fences itself": (
        Rules(self_fencing=False),
        Promise.ONE_TREE,
        CLAIM,
    ),
    # celery#2353
    "a tree outlives its supervisor": (
        Rules(dies_with_supervisor=False),
        Promise.ONE_TREE,
        CLAIM,
    ),
    "a dead worker is taken for a dead tree": (
        Rules(prove_emptiness=False),
        Promise.ONE_TREE,
        CLAIM,
    ),
    # procrastinate#1131
    "a retry ignores the cancel": (
        RULES.without(Guard.NO_CANCEL, Event.RETRY),
        Promise.CANCEL_HOLDS,
        CLAIM,
    ),
    "a release ignores the cancel": (
        RULES.without(Guard.NO_CANCEL, Event.RELEASE),
        Promise.CANCEL_HOLDS,
        CLAIM,
    ),
    "a failure ignores the cancel": (
        RULES.without(Guard.NO_CANCEL, Event.FAIL),
        Promise.CANCEL_IS_KEPT,
        "worker: fail",
    ),
    # river#1302
    "the reaper checks nothing again": (
        RULES.without(Guard.HELD, *REAPED).without(Guard.LOST, *REAPED),
        Promise.ONE_TREE,
        CLAIM,
    ),
    "the reaper checks the attempt, not the loss": (
        RULES.without(Guard.LOST, *REAPED),
        Promise.ONE_TREE,
        CLAIM,
    ),
    "the reaper checks the loss, not the attempt": (
        RULES.without(Guard.HELD, *REAPED),
        Promise.ONE_TREE,
        CLAIM,
    ),
    "a claim ignores a hold": (
        RULES.without(Guard.NOT_ON_HOLD, Event.CLAIM),
        Promise.HOLD_HOLDS,
        CLAIM,
    ),
    "a claim ignores what the job depends on": (
        RULES.without(Guard.PARENTS_DONE, Event.CLAIM),
        Promise.PARENTS_FIRST,
        CLAIM,
    ),
    "a claim ignores what the last attempt waits for": (
        RULES.without(Guard.CHILDREN_ENDED, Event.CLAIM),
        Promise.CHILDREN_FIRST,
        CLAIM,
    ),
    "a job is abandoned at any time": (
        RULES.without(Guard.PARENT_FAILED, Event.ABANDON),
        Promise.ABANDONED_FOR_IT,
        "reaper: abandon",
    ),
    "nobody abandons a job": (
        RULES.lacking(Event.ABANDON),
        Promise.ENDS,
        "world: what it depends on is failed",
    ),
    # These protect truth and budgets rather than safety.
    "PENDING keeps the stop cause": (
        Rules(clear_stop=False),
        Promise.BORN_CLEAN,
        CLAIM,
    ),
    "what timed out is rescued": (
        RULES.without(Guard.NOT_BY_TIMEOUT),
        Promise.TIMEOUT_IS_TRUE,
        "reaper: rescue",
    ),
    "a failure may come late": (
        RULES.without(Guard.LEASED, Event.FAIL),
        Promise.LOST_IS_LOST,
        "worker: fail",
    ),
    "a retry may come late": (
        RULES.without(Guard.LEASED, Event.RETRY),
        Promise.LOST_IS_LOST,
        "worker: retry",
    ),
    "a snooze may come late": (
        RULES.without(Guard.LEASED, Event.SNOOZE),
        Promise.LOST_IS_LOST,
        "worker: snooze",
    ),
    "a failure snoozes": (
        RULES.without(Guard.GAVE_BACK),
        Promise.NO_FREE_RETURN,
        "worker: snooze",
    ),
    "a snooze ignores the cancel": (
        RULES.without(Guard.NO_CANCEL, Event.SNOOZE),
        Promise.CANCEL_HOLDS,
        CLAIM,
    ),
    "a snooze ignores a stop": (
        RULES.without(Guard.NOT_STOPPED, Event.SNOOZE),
        Promise.TIMEOUT_IS_TRUE,
        "worker: snooze",
    ),
    # What the table counts.
    "claims of a job share a number": (
        RULES.uncounted(Event.CLAIM),
        Promise.ONE_TREE,
        CLAIM,
    ),
    "retries are free": (
        RULES.uncounted(Event.RETRY),
        Promise.NO_FREE_RETURN,
        "worker: retry",
    ),
    "losses are free": (
        RULES.uncounted(Event.RESCUE),
        Promise.NO_FREE_RETURN,
        "reaper: rescue",
    ),
    "a snooze is a failure": (
        RULES.counting(Event.SNOOZE, Counter.FAILURES),
        Promise.FAILURES_FAILED,
        "worker: snooze",
    ),
    "nobody ends the canceled jobs of lost workers": (
        RULES.lacking(Event.CANCEL_LOST),
        Promise.ENDS,
        "fault: kill -9 of the worker",
    ),
}
