"""The rules of the triggers, generated from the lifecycle table.

Each rule is a fault, a condition on OLD and NEW that must not hold, and the words to
say then.
Known holes that the rules close: INSERT OR REPLACE deletes without firing a DELETE
trigger (sqlite.org/lang_replace.html), so inserts look for every unique key; CHECKs can
be switched off, so `ROW_RULES` stand here too; tables are WITHOUT ROWID, so that a row
has no second name.

One file, because it is one list of rules; each is compared with the others.
"""

from typing import Final, NamedTuple

from interlock.core.lifecycle import (
    EDGES,
    INITIAL,
    SUBMIT,
    TERMINAL,
    Counter,
    Event,
    Proof,
    StopCause,
    Who,
)
from interlock_adapters.sql.schema import guard_sql
from interlock_adapters.sql.schema.row_rules import (
    IMMUTABLE,
    JSON_COLUMNS,
    LIVE,
    ROW_RULES,
    RUNNING,
    found_in,
    quoted,
)

MOVED: Final = "NEW.status <> OLD.status"
TOKEN: Final = "NEW.write_seq = OLD.write_seq + 1"  # noqa: S105  (not a password)
HELD: Final = "(NEW.hold_by IS NULL) <> (OLD.hold_by IS NULL)"
WOKEN: Final = (
    "OLD.waits_for IS NOT NULL AND NEW.waits_for IS NULL AND NEW.status = OLD.status"
)
CLAIMED: Final = f"{MOVED} AND NEW.event = '{Event.CLAIM}'"
ASKED: Final = "NEW.cancel_requested_at IS NOT OLD.cancel_requested_at"
STOPPED: Final = "NEW.stop_cause IS NOT NULL AND OLD.stop_cause IS NULL"
_TIMES = (
    *("run_at", "started_at", "finished_at", "cancel_requested_at", "event_at"),
    "hold_until",
)
_LEASE = ("lease_until_us", "lease_epoch", "worker_id")


class Rule(NamedTuple):
    """What must not be, and what is said then.

    PostgreSQL begins the plans of all queries in a condition, whatever comes of them.
    So what asks other tables is asked only where each of `first` holds.
    """

    fault: str
    words: str
    first: tuple[str, ...] = ()

    @property
    def condition(self) -> str:
        """The fault as one condition."""
        return " AND ".join((*self.first, f"({self.fault})"))


def differ(*columns: str) -> str:
    """Return the condition that one of the columns changes."""
    return "(" + " OR ".join(_differs(column) for column in columns) + ")"


def _differs(column: str) -> str:
    """Return the condition that a column changes. JSON is compared as it is written."""
    if column in JSON_COLUMNS:
        return f"CAST(NEW.{column} AS TEXT) IS NOT CAST(OLD.{column} AS TEXT)"
    return f"NEW.{column} IS NOT OLD.{column}"


def _only_with(changed: str, *events: Event, extra: str = "TRUE") -> str:
    """Return the fault that `changed` happens without one of `events`."""
    return f"{changed} AND NOT (NEW.event IN ({quoted(events)}) AND {extra})"


def update_rules() -> list[Rule]:
    """Return the rules for an UPDATE of `job`."""
    leaving = [row for row in EDGES if row.source == RUNNING]
    client = quoted(row.event for row in EDGES if row.who is Who.CLIENT)
    rules = [
        Rule(f"OLD.status IN ({quoted(TERMINAL)})", "a terminal job never changes"),
        Rule(differ(*IMMUTABLE), "submitted columns never change"),
        Rule(
            "NEW.write_seq NOT IN (OLD.write_seq, OLD.write_seq + 1)",
            "write_seq must grow by one",
        ),
        Rule(
            "NOT EXISTS (SELECT 1 FROM interlock_lifecycle AS row WHERE"
            " row.event = NEW.event AND row.source = OLD.status"
            " AND row.target = NEW.status)",
            "illegal transition",
            first=(MOVED,),
        ),
        Rule(
            f"{MOVED} AND NEW.event NOT IN ({client}) AND NOT ({TOKEN})",
            "an event of a worker must carry write_attempt and the next write_seq",
        ),
    ]
    for row in EDGES:
        words = f"the guards of {row.event} are not met"
        at = f"{MOVED} AND NEW.event = '{row.event}'"
        of_row, of_tables = guard_sql.visible(row.event)
        if of_row:
            rules.append(Rule(f"{at} AND ({' AND '.join(of_row)}) IS NOT TRUE", words))
        for first, asked in of_tables:
            rules.append(Rule(f"{asked} IS NOT TRUE", words, first=(at, *first)))
    for counter in Counter:
        counting = quoted(row.event for row in EDGES if row.counts is counter)
        rules.append(
            Rule(
                f"NEW.{counter} <> OLD.{counter} + CASE WHEN {MOVED}"
                f" AND NEW.event IN ({counting}) THEN 1 ELSE 0 END",
                f"{counter} grows by one, only with its event",
            )
        )
    stop = f"NEW.status = OLD.status AND {TOKEN} AND NEW.write_attempt = OLD.attempt"
    rules += [
        Rule(
            _only_with(ASKED, Event.REQUEST_CANCEL, Event.CANCEL)
            + " OR "
            + f"(NEW.status = OLD.status AND {ASKED} AND OLD.status <> '{RUNNING}')",
            "cancel columns change only with the event cancel or request_cancel",
        ),
        Rule(
            f"OLD.cancel_requested_at IS NOT NULL AND {ASKED}",
            "an accepted cancel cannot be undone",
        ),
        Rule(
            f"NOT ({ASKED}) AND {differ('cancel_requested_by', 'cancel_reason')}",
            "cancel_requested_by and cancel_reason are written once",
        ),
        Rule(
            f"{HELD} AND NOT (OLD.status = '{INITIAL}' AND NEW.status = OLD.status"
            f" AND NEW.event = CASE WHEN NEW.hold_by IS NULL THEN"
            f" '{Event.RELEASE_HOLD}' ELSE '{Event.HOLD}' END)",
            "a job is held and released only while it waits, with an event",
        ),
        Rule(
            f"NOT ({HELD}) AND {differ('hold_by', 'hold_reason', 'hold_until')}",
            "hold_by, hold_reason and hold_until change only with an event",
        ),
        Rule(
            f"NEW.waits_for IS NOT OLD.waits_for AND NOT ({MOVED}) AND NOT ({WOKEN}"
            f" AND NEW.event = '{Event.WAKE}' AND {TOKEN})",
            "waits_for changes only with the event wake, and with a snooze",
        ),
        Rule(
            f"{MOVED} AND NEW.waits_for IS NOT NULL AND NEW.event <> '{Event.SNOOZE}'",
            "only a job that is snoozed waits for something",
        ),
        Rule(
            _only_with(STOPPED, Event.STOP, extra=stop),
            "stop_cause is set only by the event stop of the current attempt",
        ),
        Rule(
            "OLD.stop_cause IS NOT NULL AND NEW.stop_cause IS NOT OLD.stop_cause"
            f" AND NOT ({MOVED} AND NEW.status = '{INITIAL}')",
            "stop_cause is set once in an attempt",
        ),
        Rule(
            f"NEW.status = OLD.status AND {differ(*_LEASE)} AND NOT (NEW.event ="
            f" '{Event.RENEW}' AND {TOKEN} AND NEW.write_attempt = OLD.attempt"
            " AND NEW.worker_id IS OLD.worker_id)",
            "a lease changes only when its attempt is claimed, renewed or ends",
        ),
        Rule(
            f"NEW.started_at IS NOT OLD.started_at AND NOT ({CLAIMED})",
            "started_at changes only with a claim",
        ),
        Rule(
            f"NEW.proof IS NOT OLD.proof AND NOT ({MOVED} AND NEW.event IN"
            f" ({quoted(row.event for row in leaving)}))",
            "proof is set only when the attempt ends",
        ),
        Rule(
            f"{differ('death')} AND NOT ({MOVED} AND NEW.event IN"
            f" ({quoted(row.event for row in leaving)}))",
            "death is set only when the attempt ends",
        ),
        Rule(
            f"NOT ({TOKEN}) AND {differ('error', 'exit_code', 'run_at')}"
            f" AND NOT ({MOVED} AND NEW.event IN ({client}))",
            "results and errors are written only with an event of the engine",
        ),
    ]
    lost = quoted(row.event for row in EDGES if row.who is Who.REAPER)
    engine_only = (
        *("error", "reason", "exit_code", "exit_signal", "run_at", "result"),
        *("kill_unconfirmed", "event", "event_at", "event_reason", "actor"),
        *("write_attempt", "write_proof"),
    )
    rules += [
        Rule(
            f"{MOVED} AND NEW.event IN ({lost}) AND OLD.kill_unconfirmed",
            "the job may still have processes (kill_unconfirmed)",
        ),
        Rule(
            f"OLD.kill_unconfirmed AND NOT NEW.kill_unconfirmed AND NOT ({MOVED})",
            "kill_unconfirmed is cleared only when the attempt ends",
        ),
        Rule(
            f"NEW.stop_cause NOT IN ({quoted(StopCause)})"
            f" OR NEW.proof NOT IN ({quoted(Proof)})",
            "unknown stop_cause or proof",
        ),
        Rule(
            f"{MOVED} AND NEW.event = '{Event.CANCEL}'"
            " AND NEW.cancel_requested_at IS NULL",
            "a cancel must set cancel_requested_at",
        ),
        Rule(
            " OR ".join(f"typeof(NEW.{c}) NOT IN ('integer', 'null')" for c in _TIMES),
            "times must be integers, in microseconds since 1970",
        ),
        Rule(
            f"NOT ({TOKEN}) AND NOT ({MOVED} OR {ASKED} OR {HELD} OR ({WOKEN}))"
            f" AND {differ(*engine_only)}",
            "event columns are written only by the engine",
        ),
    ]
    rules += [
        Rule(f"NOT ({rule.format(r='NEW.')})", f"row rule '{name}'")
        for name, rule in ROW_RULES.items()
    ]
    return rules


def insert_rules() -> list[Rule]:
    """Return the rules for a new row of `job`."""
    clean = (
        *("started_at", "finished_at", "worker_id", "lease_until_us", "lease_epoch"),
        *("cancel_requested_at", "cancel_requested_by", "cancel_reason", "stop_cause"),
        *("result", "error", "reason", "progress", "proof", "exit_code", "exit_signal"),
        *("hold_by", "hold_reason", "hold_until", "waits_for", "death"),
        *("write_attempt", "write_proof", "event_reason"),
    )
    return [
        Rule(
            f"NEW.status <> '{INITIAL}' OR NEW.event <> '{SUBMIT}'"
            " OR NEW.attempt <> 0 OR NEW.failures <> 0 OR NEW.losses <> 0"
            " OR NEW.write_seq <> 0 OR NEW.kill_unconfirmed",
            f"a new job must be {INITIAL}",
        ),
        Rule(
            " OR ".join(f"NEW.{column} IS NOT NULL" for column in clean),
            "a new job must not have results, errors, a lease or a cancel",
        ),
        Rule(
            "EXISTS (SELECT 1 FROM interlock_job WHERE id = NEW.id)", "the id is taken"
        ),
        Rule(
            "EXISTS (SELECT 1 FROM interlock_history WHERE job_id = NEW.id)"
            " OR EXISTS (SELECT 1 FROM interlock_attempt WHERE job_id = NEW.id)",
            "the id was used before",
        ),
        Rule(
            "EXISTS (SELECT 1 FROM interlock_job WHERE"
            f" unique_key = NEW.unique_key AND status IN ({quoted(LIVE)}))",
            "the unique_key is taken",
            first=("NEW.unique_key IS NOT NULL",),
        ),
        Rule(
            "EXISTS (SELECT 1 FROM interlock_job"
            " WHERE idempotency_key = NEW.idempotency_key)",
            "the idempotency_key is taken",
            first=("NEW.idempotency_key IS NOT NULL",),
        ),
        Rule(
            "NOT EXISTS (SELECT 1 FROM interlock_group AS g WHERE g.id = NEW.group_id"
            " AND NEW.group_index IS NOT NULL AND (g.closed_at IS NULL OR EXISTS"
            " (SELECT 1 FROM interlock_job AS j WHERE j.id = NEW.rerun_of"
            " AND j.group_id = NEW.group_id AND j.group_index = NEW.group_index)))",
            "a job is added only to a group that is open, or to run one of it again",
            first=("NEW.group_id IS NOT NULL",),
        ),
        Rule(
            "NOT EXISTS (SELECT 1 FROM interlock_job WHERE id = NEW.parent_id"
            " AND (attempt > NEW.finalizes OR (attempt = NEW.finalizes"
            f" AND status || '' <> '{RUNNING}')))",
            "a finalizer is submitted only after its attempt has ended",
            first=("NEW.finalizes IS NOT NULL AND NEW.rerun_of IS NULL",),
        ),
    ]


def history_rules() -> list[Rule]:
    """Return the rules for a new row of `history`."""
    last = "(SELECT target FROM interlock_history WHERE job_id = NEW.job_id"
    last += " ORDER BY seq DESC LIMIT 1)"
    words = "history is written only by changes of the job"
    once = "EXISTS (SELECT 1 FROM interlock_job WHERE id = NEW.job_id"
    once += " AND {set} IS NOT NULL) AND NOT EXISTS (SELECT 1"
    once += " FROM interlock_history WHERE job_id = NEW.job_id"
    once += " AND event = NEW.event{same})"
    asked = once.format(set="cancel_requested_at", same="")
    stopped = once.format(set="stop_cause", same=" AND attempt = NEW.attempt")
    held = _held()
    return [
        Rule(
            "NEW.seq <> (SELECT coalesce(max(seq), 0) + 1 FROM interlock_history"
            " WHERE job_id = NEW.job_id)",
            "history is append-only",
        ),
        Rule(
            "NOT EXISTS (SELECT 1 FROM interlock_job WHERE id = NEW.job_id"
            " AND event = NEW.event AND attempt = NEW.attempt"
            f" AND status || '' = NEW.target) OR NEW.source IS NOT {last}",
            words,
        ),
        Rule(
            f"NOT ((NEW.event = '{Event.HOLD}' AND {held} = 1)"
            f" OR (NEW.event = '{Event.WAKE}' AND {_woken()})"
            f" OR (NEW.event = '{Event.RELEASE_HOLD}' AND {held} = -1)"
            f" OR (NEW.event = '{Event.REQUEST_CANCEL}' AND {asked})"
            f" OR (NEW.event = '{Event.STOP}' AND {stopped}))",
            words,
            first=("NEW.source = NEW.target",),
        ),
    ]


def _woken() -> str:
    """Return that a job waits no more, and that it was snoozed since it was woken."""
    count = "(SELECT count(*) FROM interlock_history WHERE job_id = NEW.job_id"
    count += " AND event = '{}')"
    return (
        "EXISTS (SELECT 1 FROM interlock_job WHERE id = NEW.job_id AND waits_for"
        f" IS NULL) AND {count.format(Event.WAKE)} < {count.format(Event.SNOOZE)}"
    )


def _held() -> str:
    """Return how often a job is held by its row, more than by its history: 1, 0, -1."""
    count = "(SELECT count(*) FROM interlock_history WHERE job_id = NEW.job_id"
    count += " AND event = '{}')"
    return (
        "((SELECT count(*) FROM interlock_job WHERE id = NEW.job_id"
        f" AND hold_by IS NOT NULL) - {count.format(Event.HOLD)}"
        f" + {count.format(Event.RELEASE_HOLD)})"
    )


def attempt_rules() -> list[Rule]:
    """Return the rules for an UPDATE of `attempt`."""
    ended = (
        *("outcome", "ended_at", "exit_code", "exit_signal"),
        *("proof", "error", "death"),
    )
    return [
        Rule(
            differ("job_id", "attempt", "worker_id", "claimed_at"),
            "job_id, attempt, worker_id and claimed_at never change",
        ),
        Rule("OLD.outcome IS NOT NULL", "an ended attempt never changes"),
        Rule(
            "EXISTS (SELECT 1 FROM interlock_job WHERE id = OLD.job_id"
            f" AND attempt = OLD.attempt AND {found_in(RUNNING)})",
            "an attempt ends only with an event of its job",
            first=(differ(*ended),),
        ),
    ]


def dependency_rules() -> list[Rule]:
    """Return the rules for a new row of `dependency`.

    With a new job, as many as it says; later what an attempt of it waits for.
    """
    job = "SELECT 1 FROM interlock_job WHERE id = NEW.job_id AND "
    new = f"write_seq = 0 AND {found_in(INITIAL)} AND NEW.position >= 0"
    new += " AND NEW.position < dependencies"
    waits = "attempt = NEW.awaited_by AND attempt > 0 AND NEW.position >= dependencies"
    waits += f" AND status || '' IN ({quoted(LIVE)})"
    return [
        Rule(
            f"NEW.awaited_by IS NULL AND NOT EXISTS ({job}{new})",
            "dependencies are written only with a new job",
        ),
        Rule(
            f"NEW.awaited_by IS NOT NULL AND NOT EXISTS ({job}{waits})",
            "a job waits for others only since its last attempt",
        ),
        Rule(
            "NEW.parent_id = NEW.job_id OR NOT EXISTS (SELECT 1 FROM interlock_job"
            " WHERE id = NEW.parent_id)",
            "a job depends on other jobs that exist",
        ),
    ]


def step_rules() -> list[Rule]:
    """Return the rules for a new or changed row of `step`."""
    return [
        Rule(
            "NOT EXISTS (SELECT 1 FROM interlock_job WHERE id = NEW.job_id"
            f" AND attempt = NEW.attempt AND {found_in(RUNNING)})",
            "a step is written only by the attempt that runs",
        )
    ]


#: What is done is done; only the last value that a job has saved changes.
STEP_CHANGED: Final = Rule(
    f"OLD.kind <> 'saved' OR {differ('job_id', 'kind', 'name', 'use')}",
    "a step never changes",
)
#: INSERT OR REPLACE would change one.
STEP_TAKEN: Final = Rule(
    "NEW.kind <> 'saved' AND EXISTS (SELECT 1 FROM interlock_step WHERE job_id ="
    " NEW.job_id AND kind = NEW.kind AND name = NEW.name AND use = NEW.use)",
    "the step is done",
)


def slot_rules() -> list[Rule]:
    """Return the rules for a new row of `slot`.

    A number may be taken if there is room for all above it: at most `number` slots are
    not above, so never more than the limit in all, whoever inserts at the same time.
    Numbers beyond the limit are those of jobs that ran when it was set lower.
    """
    keys = guard_sql.KEYS.format(o="job.")
    job = "SELECT 1 FROM interlock_job AS job WHERE job.id = NEW.job_id"
    job += f" AND NEW.key IN (SELECT k.key FROM {keys} AS k)"
    claimed = f"{found_in(INITIAL, 'job.')} AND job.attempt + 1 = NEW.attempt"
    running = f"{found_in(RUNNING, 'job.')} AND job.attempt = NEW.attempt"
    most = guard_sql.LIMIT.format(column="max_running")
    free = "SELECT 1 FROM interlock_job AS job WHERE job.id = NEW.job_id"
    free += " AND NEW.number >= 1 AND NEW.number + (SELECT count(*)"
    free += " FROM interlock_slot AS s WHERE s.key = NEW.key"
    free += f" AND s.number > NEW.number) <= (SELECT {most} FROM {keys} AS k"
    free += " WHERE k.key = NEW.key LIMIT 1)"
    return [
        Rule(
            f"NOT EXISTS ({job} AND ({claimed} OR {running}))",
            "a slot needs a job with its key that is claimed now or runs",
        ),
        Rule(
            f"EXISTS ({job} AND {claimed}) AND NOT EXISTS ({free})",
            "the limit of the key is reached",
        ),
    ]


#: A job that is still needed.
AWAITED: Final = (
    "EXISTS (SELECT 1 FROM interlock_dependency AS d JOIN interlock_job AS c"
    " ON c.id = d.job_id WHERE d.parent_id = {o}id"
    f" AND c.status || '' IN ({quoted(LIVE)}))"
)
#: INSERT OR REPLACE would take one away.
DEPENDENCY_TAKEN: Final = Rule(
    "EXISTS (SELECT 1 FROM interlock_dependency WHERE job_id = NEW.job_id"
    " AND position = NEW.position)",
    "the position is taken",
)
#: INSERT OR REPLACE would take a slot away. In PostgreSQL a claim sees the conflict.
SLOT_TAKEN: Final = Rule(
    "EXISTS (SELECT 1 FROM interlock_slot WHERE key = NEW.key AND number = NEW.number)",
    "the slot is taken",
)
#: The attempt that holds a slot runs.
SLOT_IN_USE: Final = (
    "EXISTS (SELECT 1 FROM interlock_job WHERE id = OLD.job_id"
    f" AND {found_in(RUNNING)} AND attempt = OLD.attempt)"
)
#: An attempt that no claim has made.
UNCLAIMED: Final = (
    "EXISTS (SELECT 1 FROM interlock_attempt WHERE job_id = NEW.job_id AND attempt ="
    " NEW.attempt) OR NOT EXISTS (SELECT 1 FROM interlock_job WHERE id = NEW.job_id AND"
    f" attempt = NEW.attempt AND {found_in(RUNNING)})"
)
