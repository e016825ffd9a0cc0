"""Every field of a job has a column, and every column is a field or the store's own."""

from dataclasses import fields

from interlock.core.job import Job
from interlock_adapters.sql.schema.row_rules import COLUMN_OF
from interlock_adapters.sql.schema.tables import job

#: Columns that only the store and its guards use.
_OWN = {
    *("urgency", "turn", "next_age_at"),
    *("held_by", "lease_epoch", "max_attempts", "retry_on_timeout"),
    *("event", "event_at", "event_reason", "actor", "write_attempt", "write_proof"),
    *("exit_code", "exit_signal"),
}


def test_each_field_has_a_column_and_each_column_a_use() -> None:
    names = {field.name for field in fields(Job)} - {"read_at"}
    columns = {COLUMN_OF.get(name, name) for name in names}
    assert columns | _OWN == set(job.c.keys())
