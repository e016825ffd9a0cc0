"""The second wall: what SQLite itself refuses, whoever writes. Generated, never edited.

Guards refuse before a row is written (`trigger_rules`); the others write the history
and the attempts, so that raw SQL is logged too.
"""

from typing import Final

from interlock_adapters.sql.row_rules import LIVE, RUNNING, quoted
from interlock_adapters.sql.trigger_rules import (
    ASKED,
    CLAIMED,
    MOVED,
    STOPPED,
    TOKEN,
    UNCLAIMED,
    Rule,
    attempt_rules,
    history_rules,
    insert_rules,
    update_rules,
)

PREFIX: Final = "interlock_"
_NOW_US = "CAST((julianday('now') - 2440587.5) * 86400000000 AS INTEGER)"


def _guard(name: str, when: str, rules: list[Rule]) -> tuple[str, str]:
    body = "\n".join(
        f"  SELECT RAISE(ABORT, 'interlock: {words.replace(chr(39), chr(39) * 2)}."
        f" Nothing was written.') WHERE {fault};"
        for fault, words in rules
    )
    name = PREFIX + name
    return name, f"CREATE TRIGGER {name} BEFORE {when} BEGIN\n{body}\nEND"


def _after(name: str, when: str, *statements: str) -> tuple[str, str]:
    body = "\n".join(f"  {statement};" for statement in statements)
    name = PREFIX + name
    return name, f"CREATE TRIGGER {name} AFTER {when} BEGIN\n{body}\nEND"


def _log(source: str) -> str:
    return (
        "INSERT INTO history (job_id, seq, event, source, target, at, actor, reason,"
        " attempt) VALUES (NEW.id, (SELECT coalesce(max(seq), 0) + 1 FROM history"
        f" WHERE job_id = NEW.id), NEW.event, {source}, NEW.status,"
        f" CASE WHEN {{token}} THEN NEW.event_at ELSE {_NOW_US} END,"
        " CASE WHEN {token} THEN NEW.actor ELSE 'sql' END,"
        " CASE WHEN {token} THEN NEW.event_reason END, NEW.attempt)"
    )


def triggers() -> dict[str, str]:
    """Return every trigger by name, as SQLite stores its text."""
    attempt_begins = (
        "INSERT INTO attempt (job_id, attempt, worker_id, claimed_at)"
        " VALUES (NEW.id, NEW.attempt, NEW.worker_id, NEW.started_at)"
    )
    attempt_ends = (
        "UPDATE attempt SET outcome = NEW.event, ended_at = NEW.event_at,"
        " exit_code = NEW.exit_code, exit_signal = NEW.exit_signal,"
        " proof = NEW.write_proof, error = NEW.error"
        " WHERE job_id = NEW.id AND attempt = OLD.attempt"
    )
    has_job = "EXISTS (SELECT 1 FROM job WHERE id = OLD.job_id)"
    sealed = [("TRUE", "the lifecycle table is sealed")]
    gone = [(has_job, "records of a job go with the job")]
    frozen = [("TRUE", "history is append-only")]
    unclaimed = [(UNCLAIMED, "claims make attempts")]
    live = [(f"OLD.status IN ({quoted(LIVE)})", "only terminal jobs can be deleted")]
    logged = f"({MOVED}) OR ({ASKED}) OR ({STOPPED})"
    return dict(
        [
            _guard("job_insert", "INSERT ON job", insert_rules()),
            _after("job_insert_log", "INSERT ON job", _log("NULL").format(token="1")),  # noqa: S106
            _guard("job_update", "UPDATE ON job", update_rules()),
            _after(
                "job_update_log",
                f"UPDATE ON job WHEN {logged}",
                _log("OLD.status").format(token=f"({TOKEN})"),
            ),
            _after("job_claim", f"UPDATE ON job WHEN {CLAIMED}", attempt_begins),
            _after(
                "job_leave",
                f"UPDATE ON job WHEN {MOVED} AND OLD.status = '{RUNNING}'",
                attempt_ends,
            ),
            _guard("job_delete", "DELETE ON job", live),
            _guard("history_insert", "INSERT ON history", history_rules()),
            _guard("history_update", "UPDATE ON history", frozen),
            _guard("history_delete", "DELETE ON history", gone),
            _guard("attempt_insert", "INSERT ON attempt", unclaimed),
            _guard("attempt_update", "UPDATE ON attempt", attempt_rules()),
            _guard("attempt_delete", "DELETE ON attempt", gone),
            _guard("lifecycle_insert", "INSERT ON lifecycle", sealed),
            _guard("lifecycle_update", "UPDATE ON lifecycle", sealed),
            _guard("lifecycle_delete", "DELETE ON lifecycle", sealed),
        ]
    )
