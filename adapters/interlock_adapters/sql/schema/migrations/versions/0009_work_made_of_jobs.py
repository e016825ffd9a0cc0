"""Let jobs depend on other jobs, be in groups, do steps and wait for signals."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns and the table."""
    is_postgres = op.get_bind().dialect.name == "postgresql"
    op.add_column(
        "interlock_job",
        sa.Column(
            "dependencies",
            sa.BigInteger(),
            nullable=False,
            server_default=sa.text("0"),
        ),
    )
    op.add_column(
        "interlock_job", sa.Column("on_parent_failure", sa.String(), nullable=True)
    )
    op.add_column(
        "interlock_job", sa.Column("on_parent_cancel", sa.String(), nullable=True)
    )
    op.add_column("interlock_job", sa.Column("blocked_by", sa.String(), nullable=True))
    op.execute(
        "CREATE INDEX ix_interlock_job_blocked ON interlock_job"
        " (blocked_by, urgency DESC, turn, id)"
        " WHERE status = 'PENDING' AND blocked_by IS NOT NULL"
    )
    op.create_table(
        "interlock_dependency",
        sa.Column("job_id", sa.String(), nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("parent_id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=True),
        sa.Column("group_id", sa.String(), nullable=True),
        sa.Column("awaited_by", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint(
            "job_id", "position", name=op.f("pk_interlock_dependency")
        ),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_interlock_dependency_parent_id",
        "interlock_dependency",
        ["parent_id", "job_id"],
    )
    _add_groups()
    _add_steps()
    _add_deaths()
    if is_postgres:
        op.execute(
            "ALTER TABLE interlock_dependency SET"
            " (autovacuum_vacuum_scale_factor = 0.02,"
            " autovacuum_vacuum_insert_scale_factor = 0.05,"
            " autovacuum_analyze_scale_factor = 0.02)"
        )


def _add_groups() -> None:
    op.add_column("interlock_job", sa.Column("group_id", sa.String(), nullable=True))
    op.add_column(
        "interlock_job", sa.Column("group_index", sa.Integer(), nullable=True)
    )
    op.execute(
        "CREATE INDEX ix_interlock_job_group ON interlock_job"
        " (group_id, group_index, id) WHERE group_id IS NOT NULL"
    )
    op.execute(
        "CREATE INDEX ix_interlock_job_parent ON interlock_job (parent_id, id)"
        " WHERE parent_id IS NOT NULL"
    )
    when = sa.DateTime(timezone=True).with_variant(sa.BigInteger(), "sqlite")
    op.create_table(
        "interlock_group",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("created_at", when, nullable=False),
        sa.Column("created_by", sa.String(), nullable=True),
        sa.Column("closed_at", when, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_interlock_group")),
    )


def _add_steps() -> None:
    when = sa.DateTime(timezone=True).with_variant(sa.BigInteger(), "sqlite")
    json = postgresql.JSON().with_variant(sa.Text(), "sqlite")
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.add_column("interlock_job", sa.Column("waits_for", sa.String(), nullable=True))
    op.create_table(
        "interlock_step",
        sa.Column("job_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("use", sa.String(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("at", when, nullable=False),
        sa.Column("function", sa.String(), nullable=True),
        sa.Column("digest", sa.String(), nullable=True),
        sa.Column("value", json, nullable=True),
        sa.PrimaryKeyConstraint(
            "job_id", "kind", "name", "use", name=op.f("pk_interlock_step")
        ),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "interlock_signal",
        sa.Column("number", number, nullable=False),
        sa.Column("job_id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("payload", json, nullable=True),
        sa.Column("by", sa.String(), nullable=False),
        sa.Column("at", when, nullable=False),
        sa.Column("read_by", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_interlock_signal")),
    )
    op.create_index(
        "ix_interlock_signal_job_id", "interlock_signal", ["job_id", "name", "number"]
    )
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            "ALTER TABLE interlock_step SET (autovacuum_vacuum_scale_factor = 0.02,"
            " autovacuum_vacuum_insert_scale_factor = 0.05,"
            " autovacuum_analyze_scale_factor = 0.02)"
        )


def _add_deaths() -> None:
    json = postgresql.JSON().with_variant(sa.Text(), "sqlite")
    for table in ("interlock_job", "interlock_attempt"):
        op.add_column(table, sa.Column("death", json, nullable=True))
    op.add_column("interlock_job", sa.Column("finalizer", json, nullable=True))
    op.add_column("interlock_job", sa.Column("finalizes", sa.Integer(), nullable=True))
