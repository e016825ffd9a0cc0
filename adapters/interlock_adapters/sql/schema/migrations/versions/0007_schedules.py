"""Keep schedules, their edits and their ticks."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_LIVE = "status IN ('PENDING', 'RUNNING')"


def upgrade() -> None:
    """Add the tables, and what a job says of its schedule."""
    is_postgres = op.get_bind().dialect.name == "postgresql"
    moment = sa.DateTime(timezone=True) if is_postgres else sa.BigInteger()
    json = sa.JSON() if is_postgres else sa.Text()
    op.add_column("interlock_job", sa.Column("schedule", sa.String(), nullable=True))
    op.add_column("interlock_job", sa.Column("scheduled_for", moment, nullable=True))
    op.execute(
        "CREATE INDEX ix_interlock_job_schedule ON interlock_job (schedule, id)"
        f" WHERE schedule IS NOT NULL AND {_LIVE}"
    )
    op.create_table(
        "interlock_schedule",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("job", sa.String(), nullable=False),
        sa.Column("spec", json, nullable=False),
        sa.Column("options", json, nullable=False),
        sa.Column("declared", sa.Boolean(), nullable=False),
        sa.Column("edited", sa.Boolean(), nullable=False),
        sa.Column("paused", sa.Boolean(), nullable=False),
        sa.Column("created_at", moment, nullable=False),
        sa.Column("anchor", moment, nullable=False),
        sa.Column("next_at", moment, nullable=True),
        sa.Column("waiting_at", moment, nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(), nullable=True),
        sa.Column("replaced", json, nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_interlock_schedule")),
    )
    op.execute(
        "CREATE INDEX ix_interlock_schedule_next ON interlock_schedule (next_at)"
        " WHERE NOT paused"
    )
    op.execute(
        "CREATE INDEX ix_interlock_schedule_waiting ON interlock_schedule (name)"
        " WHERE waiting_at IS NOT NULL"
    )
    op.create_table(
        "interlock_schedule_edit",
        sa.Column("schedule", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", moment, nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("what", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint(
            "schedule", "number", name=op.f("pk_interlock_schedule_edit")
        ),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "interlock_tick",
        sa.Column("schedule", sa.String(), nullable=False),
        sa.Column("due_at", moment, nullable=False),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("at", moment, nullable=False),
        sa.Column("wall_time", sa.String(), nullable=False),
        sa.Column("why", sa.String(), nullable=True),
        sa.Column("job_id", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("schedule", "due_at", name=op.f("pk_interlock_tick")),
        sqlite_with_rowid=False,
    )
    if is_postgres:
        op.execute(
            "ALTER TABLE interlock_tick SET (autovacuum_vacuum_scale_factor = 0.02,"
            " autovacuum_vacuum_insert_scale_factor = 0.05,"
            " autovacuum_analyze_scale_factor = 0.02)"
        )
