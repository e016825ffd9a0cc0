"""The triggers: the database itself refuses illegal changes, no matter who writes.

Guards refuse before a row is written (`trigger_rules`); writers keep the history and
the attempts, so that raw SQL is logged too. Each kind of database renders them.
"""

from dataclasses import dataclass
from typing import Final

from interlock_adapters.sql.schema.row_rules import LIVE, RUNNING, quoted
from interlock_adapters.sql.schema.trigger_rules import (
    ASKED,
    AWAITED,
    CLAIMED,
    DEPENDENCY_TAKEN,
    HELD,
    MOVED,
    SLOT_IN_USE,
    SLOT_TAKEN,
    STEP_CHANGED,
    STEP_TAKEN,
    STOPPED,
    TOKEN,
    UNCLAIMED,
    WOKEN,
    Rule,
    attempt_rules,
    dependency_rules,
    history_rules,
    insert_rules,
    slot_rules,
    step_rules,
    update_rules,
)

PREFIX: Final = "interlock_"
#: The tables whose triggers are part of the guard.
TABLES: Final = (
    *("job", "history", "attempt", "lifecycle", "slot", "dependency", "step"),
)
#: Above `base` too, so that a position is not given twice when its job is deleted.
_NEXT = (
    "(SELECT max(coalesce((SELECT max(position) FROM interlock_history), 0),"
    " coalesce((SELECT base FROM interlock_feed), 0)) + 1)"
)
_NOW_US = "CAST((julianday('now') - 2440587.5) * 86400000000 AS INTEGER)"


@dataclass(frozen=True, slots=True)
class Guard:
    """Refuses an `event` on a table that breaks a rule; nothing is written then."""

    name: str
    event: str
    table: str
    rules: list[Rule]
    sqlite_rules: tuple[Rule, ...] = ()  # for INSERT OR REPLACE


@dataclass(frozen=True, slots=True)
class Writer:
    """Writes along with an `event` on the table `job`, if `when` holds."""

    name: str
    event: str
    when: str
    statement: str


def guards() -> list[Guard]:
    """Return every guard."""
    has_job = "EXISTS (SELECT 1 FROM interlock_job WHERE id = OLD.job_id)"
    sealed = [Rule("TRUE", "the lifecycle table is read-only")]
    freed = "a slot is freed only when its attempt ends"
    gone = [Rule(has_job, "records are deleted only after their job")]
    frozen = [Rule("TRUE", "history is append-only")]
    unclaimed = [Rule(UNCLAIMED, "attempts are inserted only by a claim")]
    live = [
        Rule(f"OLD.status IN ({quoted(LIVE)})", "only terminal jobs can be deleted"),
        Rule(AWAITED.format(o="OLD."), "a job that has not ended depends on it"),
    ]
    return [
        Guard("job_insert", "INSERT", "job", insert_rules()),
        Guard("job_update", "UPDATE", "job", update_rules()),
        Guard("job_delete", "DELETE", "job", live),
        Guard("history_insert", "INSERT", "history", history_rules()),
        Guard("history_update", "UPDATE", "history", frozen),
        Guard("history_delete", "DELETE", "history", gone),
        Guard("attempt_insert", "INSERT", "attempt", unclaimed),
        Guard("attempt_update", "UPDATE", "attempt", attempt_rules()),
        Guard("attempt_delete", "DELETE", "attempt", gone),
        Guard(
            "dependency_insert",
            "INSERT",
            "dependency",
            dependency_rules(),
            (DEPENDENCY_TAKEN,),
        ),
        Guard(
            "dependency_update",
            "UPDATE",
            "dependency",
            [Rule("TRUE", "a dependency never changes")],
        ),
        Guard("dependency_delete", "DELETE", "dependency", gone),
        Guard("step_insert", "INSERT", "step", step_rules(), (STEP_TAKEN,)),
        Guard("step_update", "UPDATE", "step", [STEP_CHANGED, *step_rules()]),
        Guard("step_delete", "DELETE", "step", gone),
        Guard("slot_insert", "INSERT", "slot", slot_rules(), (SLOT_TAKEN,)),
        Guard("slot_update", "UPDATE", "slot", [Rule("TRUE", "a slot never changes")]),
        Guard("slot_delete", "DELETE", "slot", [Rule(SLOT_IN_USE, freed)]),
        Guard("lifecycle_insert", "INSERT", "lifecycle", sealed),
        Guard("lifecycle_update", "UPDATE", "lifecycle", sealed),
        Guard("lifecycle_delete", "DELETE", "lifecycle", sealed),
    ]


def writers(now: str, position: str) -> list[Writer]:
    """Return every writer.

    Args:
        now: the wall clock in SQL, for what raw SQL does.
        position: in SQL, the place of a history row in the order over all jobs.
    """
    attempt_begins = (
        "INSERT INTO interlock_attempt (job_id, attempt, worker_id, claimed_at)"
        " VALUES (NEW.id, NEW.attempt, NEW.worker_id, NEW.started_at)"
    )
    attempt_ends = (
        "UPDATE interlock_attempt SET outcome = NEW.event, ended_at = NEW.event_at,"
        " exit_code = NEW.exit_code, exit_signal = NEW.exit_signal,"
        " proof = NEW.write_proof, error = NEW.error, death = NEW.death"
        " WHERE job_id = NEW.id AND attempt = OLD.attempt"
    )
    slots_freed = "DELETE FROM interlock_slot WHERE job_id = NEW.id"
    leaves = f"{MOVED} AND OLD.status = '{RUNNING}'"
    logged = f"({MOVED}) OR ({ASKED}) OR ({STOPPED}) OR ({HELD}) OR ({WOKEN})"
    return [
        Writer("job_insert_log", "INSERT", "TRUE", _log("NULL", "TRUE", now, position)),
        Writer(
            "job_update_log", "UPDATE", logged, _log("OLD.status", TOKEN, now, position)
        ),
        Writer("job_claim", "UPDATE", CLAIMED, attempt_begins),
        Writer("job_leave", "UPDATE", leaves, attempt_ends),
        Writer("job_free", "UPDATE", leaves, slots_freed),
    ]


def _log(source: str, token: str, now: str, position: str) -> str:
    return (
        "INSERT INTO interlock_history (job_id, seq, event, source, target, at, actor,"
        " reason, attempt, position) VALUES (NEW.id,"
        " (SELECT coalesce(max(seq), 0) + 1 FROM interlock_history"
        f" WHERE job_id = NEW.id), NEW.event, {source}, NEW.status,"
        f" CASE WHEN {token} THEN NEW.event_at ELSE {now} END,"
        f" CASE WHEN {token} THEN NEW.actor ELSE 'sql' END,"
        f" CASE WHEN {token} THEN NEW.event_reason END, NEW.attempt, {position})"
    )


def message(text: str) -> str:
    """Return the message of a guard, as the inside of a SQL literal."""
    return f"interlock: {text.replace(chr(39), chr(39) * 2)}. Nothing was written."


def triggers() -> dict[str, str]:
    """Return every trigger by name, as SQLite stores its text."""
    found = {}
    for guard in guards():
        body = "\n".join(
            f"  SELECT RAISE(ABORT, '{message(rule.words)}') WHERE {rule.condition};"
            for rule in (*guard.rules, *guard.sqlite_rules)
        )
        when = f"BEFORE {guard.event} ON {PREFIX}{guard.table}"
        name = PREFIX + guard.name
        found[name] = f"CREATE TRIGGER {name} {when} BEGIN\n{body}\nEND"
    for writer in writers(_NOW_US, _NEXT):
        when = f"AFTER {writer.event} ON interlock_job WHEN {writer.when}"
        name = PREFIX + writer.name
        body = f"  {writer.statement};"
        found[name] = f"CREATE TRIGGER {name} {when} BEGIN\n{body}\nEND"
    return found
