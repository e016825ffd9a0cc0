"""Open and parked jobs: the conditions of `held_by`, for indexes and statements.

`held_by` is a hint. NULL: the job is worth a look. A text names one cause that kept it
from starting when a claim last looked: `due`, `expired`, `overdue`, `paused:QUEUE`,
`job`, `key:KEY`, `rate:KEY`, `hold:TARGET`, `fair:KEY`. The claim alone decides, by
the guards in its UPDATE: a job that is open without reason costs one look, one that is
parked without reason waits for the next `reopen`.
"""

from typing import Final

from interlock.core.lifecycle import INITIAL

#: Parked until a moment: promoted when it comes.
DUE: Final = f"status = '{INITIAL}' AND held_by = 'due'"
#: Parked for any other cause.
PARKED: Final = f"status = '{INITIAL}' AND held_by IS NOT NULL AND held_by <> 'due'"
#: The cause of those that wait for other jobs; `blocked_by` is one of these.
BY_JOB: Final = "job"
BLOCKED: Final = f"status = '{INITIAL}' AND blocked_by IS NOT NULL"
#: Jobs with a fairness key whose turn may come: at most a few of each key.
RANKED: Final = f"status = '{INITIAL}' AND fair_key IS NOT NULL AND held_by IS NULL"
#: Jobs that are not to start after a moment, and that are to end by one.
EXPIRING: Final = f"status = '{INITIAL}' AND attempt = 0 AND expires_at IS NOT NULL"
ENDING: Final = f"status = '{INITIAL}' AND deadline_at IS NOT NULL"
#: Jobs whose urgency grows while they wait.
AGING: Final = f"status = '{INITIAL}' AND next_age_at IS NOT NULL"

#: The order of starts.
ORDER: Final = ("urgency DESC", "turn", "id")
#: The columns of each index of open jobs, before the order of starts.
OPEN_INDEXES: Final = {"open": (), "kind": ("name",), "lane": ("name", "queue")}


def is_open(index: str) -> str:
    """Return the condition of an open job, worded so that one index alone fits it."""
    return f"status = '{INITIAL}' AND coalesce(held_by, '{index}') = '{index}'"
