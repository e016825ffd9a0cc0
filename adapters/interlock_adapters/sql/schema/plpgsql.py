"""The guards and writers of `triggers` in PL/pgSQL.

One function and one trigger each. `ENABLE ALWAYS`, so that a session that plays replica
does not get past them; only the tables' owner can disable them (`interlock db grant`).
"""

import re
from typing import Final

from interlock_adapters.sql.schema.guard_sql import IN_POSTGRES
from interlock_adapters.sql.schema.trigger_rules import Rule
from interlock_adapters.sql.schema.triggers import (
    PREFIX,
    TABLES,
    Guard,
    Writer,
    guards,
    message,
    writers,
)

#: The code of a constraint, so that every driver raises an IntegrityError.
_REFUSED, _TAKEN = "23514", "23505"  # appendix A: check_violation, unique_violation
#: The channel on which every commit that a waiter may care about is announced.
CHANNEL: Final = "interlock"
_POSITION: Final = (
    "CAST(CAST(pg_current_xact_id() AS text) AS bigint)"
    " + coalesce((SELECT base FROM interlock_feed), 0)"
)
_WAKES = (
    "NEW.status <> OLD.status OR (NEW.held_by IS NULL AND OLD.held_by IS NOT NULL) OR"
    " NEW.cancel_requested_at IS DISTINCT FROM OLD.cancel_requested_at"
)


def portable(condition: str) -> str:
    """Return a condition of `trigger_rules` in PostgreSQL's words."""
    for here, there in IN_POSTGRES.items():
        condition = condition.replace(here, there)
    one = re.sub(
        r"IS NOT (?=(NEW|OLD)\.|CAST\(|\(SELECT)", "IS DISTINCT FROM ", condition
    )
    return re.sub(r"IS (?=(NEW|OLD)\.)", "IS NOT DISTINCT FROM ", one)


def _guard_body(guard: Guard) -> str:
    rules = (rule for rule in guard.rules if "typeof(" not in rule.fault)  # typed here
    lines = [_refusal(rule) for rule in rules]
    return "\n".join([*lines, f"RETURN {'OLD' if guard.event == 'DELETE' else 'NEW'};"])


def _refusal(rule: Rule) -> str:
    state = _TAKEN if "is taken" in rule.words else _REFUSED
    refusal = (
        f"RAISE EXCEPTION USING ERRCODE = '{state}', MESSAGE = '{message(rule.words)}';"
    )
    for condition in (rule.fault, *reversed(rule.first)):
        refusal = f"IF ({portable(condition)}) THEN {refusal} END IF;"
    return refusal


def _writer_body(writer: Writer) -> str:
    return (
        f"IF ({portable(writer.when)}) THEN {writer.statement}; END IF;\nRETURN NULL;"
    )


def _wake_body(event: str) -> str:
    wakes = "TRUE" if event == "INSERT" else _WAKES
    return (
        f"IF ({wakes}) THEN PERFORM pg_notify('{CHANNEL}', ''); END IF;\nRETURN NULL;"
    )


def bodies() -> dict[str, str]:
    """Return the body of every function by its name, as PostgreSQL stores it."""
    found = {PREFIX + guard.name: _guard_body(guard) for guard in guards()}
    for writer in writers("clock_timestamp()", _POSITION):
        found[PREFIX + writer.name] = _writer_body(writer)
    for event in ("INSERT", "UPDATE"):
        found[f"{PREFIX}job_wake_{event.lower()}"] = _wake_body(event)
    refused = message("this table must not be truncated")
    found[f"{PREFIX}truncate"] = (
        f"RAISE EXCEPTION USING ERRCODE = '{_REFUSED}', MESSAGE = '{refused}';"
    )
    return {name: f"BEGIN\n{body}\nEND" for name, body in found.items()}


def _triggers() -> list[tuple[str, str, str]]:
    """Return (name, table, when) of every trigger; its function has its name."""
    found = [
        (
            PREFIX + g.name,
            g.table,
            f"BEFORE {g.event} ON {PREFIX}{g.table} FOR EACH ROW",
        )
        for g in guards()
    ]
    after = [(writer.name, writer.event) for writer in writers("", "")]
    after += [(f"job_wake_{event.lower()}", event) for event in ("INSERT", "UPDATE")]
    return found + [
        (PREFIX + name, "job", f"AFTER {event} ON interlock_job FOR EACH ROW")
        for name, event in after
    ]


def ddl() -> list[str]:
    """Return the statements that install the guard."""
    made = [
        f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql"
        f" SET search_path FROM CURRENT AS $interlock${body}$interlock$"
        for name, body in bodies().items()
    ]
    for name, table, when in _triggers():
        made.append(f"CREATE TRIGGER {name} {when} EXECUTE FUNCTION {name}()")
        made.append(f"ALTER TABLE {PREFIX}{table} ENABLE ALWAYS TRIGGER {name}")
    for table in TABLES:
        name = f"{PREFIX}{table}_truncate"
        made.append(
            f"CREATE TRIGGER {name} BEFORE TRUNCATE ON {PREFIX}{table}"
            f" FOR EACH STATEMENT EXECUTE FUNCTION {PREFIX}truncate()"
        )
        made.append(f"ALTER TABLE {PREFIX}{table} ENABLE ALWAYS TRIGGER {name}")
    return made


def expected() -> dict[str, str]:
    """Return what `INSTALLED` finds where the guard is whole."""
    text = bodies()
    found = {name: text[name] for name, _, _ in _triggers()}
    for table in TABLES:
        found[f"{PREFIX}{table}_truncate"] = text[f"{PREFIX}truncate"]
    return found


#: The triggers of the guarded tables: name, table, and the body if it always fires.
INSTALLED: Final = """
SELECT trigger.tgname AS name, place.relname AS place,
  CASE WHEN trigger.tgenabled = 'A' THEN function.prosrc ELSE 'disabled' END AS sql
FROM pg_trigger AS trigger
JOIN pg_class AS place ON place.oid = trigger.tgrelid
JOIN pg_proc AS function ON function.oid = trigger.tgfoid
WHERE NOT trigger.tgisinternal AND place.relnamespace = current_schema()::regnamespace
  AND place.relname IN :places
"""
