"""The first schema. Plain types only: later code must not change an old migration."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_WHEN = sa.DateTime(timezone=True).with_variant(sa.BigInteger(), "sqlite")
_JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def _index(
    name: str,
    table: str,
    columns: list[str],
    *,
    unique: bool = False,
    where: str | None = None,
) -> None:
    condition = None if where is None else sa.text(where)
    op.create_index(
        name,
        table,
        [sa.text(column) for column in columns],
        unique=unique,
        sqlite_where=condition,
        postgresql_where=condition,
    )


def upgrade() -> None:
    """Create every table and index."""
    op.create_table(
        "attempt",
        sa.Column("job_id", sa.String(), primary_key=True),
        sa.Column("attempt", sa.Integer(), primary_key=True),
        sa.Column("worker_id", sa.String(), nullable=False),
        sa.Column("claimed_at", _WHEN, nullable=False),
        sa.Column("pid", sa.Integer(), nullable=True),
        sa.Column("containment", sa.String(), nullable=True),
        sa.Column("started_at", _WHEN, nullable=True),
        sa.Column("ended_at", _WHEN, nullable=True),
        sa.Column("outcome", sa.String(), nullable=True),
        sa.Column("exit_code", sa.Integer(), nullable=True),
        sa.Column("exit_signal", sa.Integer(), nullable=True),
        sa.Column("proof", sa.String(), nullable=True),
        sa.Column("error", _JSON, nullable=True),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "history",
        sa.Column("job_id", sa.String(), primary_key=True),
        sa.Column("seq", sa.Integer(), primary_key=True),
        sa.Column("event", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=True),
        sa.Column("target", sa.String(), nullable=False),
        sa.Column("at", _WHEN, nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "job",
        sa.Column("id", sa.String(), primary_key=True),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("queue", sa.String(), nullable=False),
        sa.Column("params", _JSON, nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("timeout_s", sa.Float(), nullable=True),
        sa.Column("grace_s", sa.Float(), nullable=False),
        sa.Column("created_at", _WHEN, nullable=False),
        sa.Column("run_at", _WHEN, nullable=False),
        sa.Column("expires_at", _WHEN, nullable=True),
        sa.Column("max_attempts", sa.Integer(), nullable=False),
        sa.Column("retry_on_timeout", sa.Boolean(), nullable=False),
        sa.Column("retry", _JSON, nullable=False),
        sa.Column("max_losses", sa.Integer(), nullable=False),
        sa.Column("unique_key", sa.String(), nullable=True),
        sa.Column("idempotency_key", sa.String(), nullable=True),
        sa.Column("submitted_by", sa.String(), nullable=True),
        sa.Column("metadata", _JSON, nullable=False),
        sa.Column("rerun_of", sa.String(), nullable=True),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("losses", sa.Integer(), nullable=False),
        sa.Column("started_at", _WHEN, nullable=True),
        sa.Column("finished_at", _WHEN, nullable=True),
        sa.Column("worker_id", sa.String(), nullable=True),
        sa.Column("lease_until_us", sa.BigInteger(), nullable=True),
        sa.Column("lease_epoch", sa.String(), nullable=True),
        sa.Column("cancel_requested_at", _WHEN, nullable=True),
        sa.Column("cancel_requested_by", sa.String(), nullable=True),
        sa.Column("cancel_reason", sa.String(), nullable=True),
        sa.Column("stop_cause", sa.String(), nullable=True),
        sa.Column("proof", sa.String(), nullable=True),
        sa.Column("kill_unconfirmed", sa.Boolean(), nullable=False),
        sa.Column("result", _JSON, nullable=True),
        sa.Column("error", _JSON, nullable=True),
        sa.Column("progress", _JSON, nullable=True),
        sa.Column("exit_code", sa.Integer(), nullable=True),
        sa.Column("exit_signal", sa.Integer(), nullable=True),
        sa.Column("ready", sa.Integer(), nullable=False),
        sa.Column("write_seq", sa.Integer(), nullable=False),
        sa.Column("write_attempt", sa.Integer(), nullable=True),
        sa.Column("write_proof", sa.String(), nullable=True),
        sa.Column("event", sa.String(), nullable=False),
        sa.Column("event_at", _WHEN, nullable=False),
        sa.Column("event_reason", sa.String(), nullable=True),
        sa.Column("actor", sa.String(), nullable=False),
        sa.CheckConstraint(
            "status IN ('CANCELED', 'FAILED', 'PENDING', 'RUNNING', 'SUCCEEDED', 'TIMEOUT')",
            name=op.f("ck_job_status"),
        ),
        sa.CheckConstraint(
            "(status = 'RUNNING') = (lease_until_us IS NOT NULL AND lease_epoch IS NOT NULL)",
            name=op.f("ck_job_leased"),
        ),
        sa.CheckConstraint(
            "status <> 'RUNNING' OR (worker_id IS NOT NULL AND started_at IS NOT NULL)",
            name=op.f("ck_job_owned"),
        ),
        sa.CheckConstraint(
            "result IS NULL OR status = 'SUCCEEDED'", name=op.f("ck_job_result")
        ),
        sa.CheckConstraint(
            "status <> 'PENDING' OR (stop_cause IS NULL AND proof IS NULL AND lease_until_us IS NULL AND lease_epoch IS NULL)",
            name=op.f("ck_job_pending"),
        ),
        sa.CheckConstraint(
            "(status IN ('CANCELED', 'FAILED', 'SUCCEEDED', 'TIMEOUT')) = (finished_at IS NOT NULL)",
            name=op.f("ck_job_finished"),
        ),
        sa.CheckConstraint(
            "attempt >= 0 AND failures >= 0 AND losses >= 0",
            name=op.f("ck_job_counters"),
        ),
        sqlite_with_rowid=False,
    )
    _index(
        "ix_job_claim",
        "job",
        ["queue", "name", "priority DESC", "id"],
        where="status = 'PENDING' AND ready = 1",
    )
    _index("ix_job_due", "job", ["run_at"], where="status = 'PENDING' AND ready = 0")
    _index(
        "ix_job_expiry",
        "job",
        ["expires_at"],
        where="status = 'PENDING' AND expires_at IS NOT NULL",
    )
    _index(
        "ix_job_finished", "job", ["finished_at", "id"], where="finished_at IS NOT NULL"
    )
    _index("ix_job_name", "job", ["name", "id"])
    _index("ix_job_running", "job", ["name", "worker_id"], where="status = 'RUNNING'")
    _index("ix_job_status", "job", ["status", "id"])
    _index(
        "uq_job_idempotency_key",
        "job",
        ["idempotency_key"],
        unique=True,
        where="idempotency_key IS NOT NULL",
    )
    _index(
        "uq_job_unique_key",
        "job",
        ["unique_key"],
        unique=True,
        where="unique_key IS NOT NULL AND status IN ('PENDING', 'RUNNING')",
    )
    op.create_table(
        "job_name",
        sa.Column("name", sa.String(), primary_key=True),
        sa.Column("max_running", sa.Integer(), nullable=False),
    )
    op.create_table(
        "lifecycle",
        sa.Column("event", sa.String(), primary_key=True),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("target", sa.String(), nullable=False),
        sa.Column("who", sa.String(), nullable=False),
    )
    op.create_table(
        "log",
        sa.Column("seq", sa.Integer(), primary_key=True),
        sa.Column("job_id", sa.String(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("at", _WHEN, nullable=False),
        sa.Column("stream", sa.String(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
    )
    _index("ix_log_job_id_seq", "log", ["job_id", "seq"])
    op.create_table(
        "queue",
        sa.Column("name", sa.String(), primary_key=True),
        sa.Column("paused", sa.Boolean(), nullable=False),
    )
    op.create_table(
        "rejection",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("job_id", sa.String(), nullable=False),
        sa.Column("event", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("at", _WHEN, nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=True),
        sa.Column("why", sa.String(), nullable=False),
    )
    _index("ix_rejection_job_id", "rejection", ["job_id"])
    op.create_table(
        "worker",
        sa.Column("id", sa.String(), primary_key=True),
        sa.Column("host", sa.String(), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("boot_id", sa.String(), nullable=False),
        sa.Column("containment", sa.String(), nullable=False),
        sa.Column("concurrency", sa.Integer(), nullable=False),
        sa.Column("queues", _JSON, nullable=True),
        sa.Column("started_at", _WHEN, nullable=False),
        sa.Column("seen_at", _WHEN, nullable=False),
        sa.Column("domain", sa.String(), nullable=True),
    )
