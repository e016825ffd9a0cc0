"""Find the jobs that ran another one again; keep more of jobs, causes, workers."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the index, the columns and the table."""
    op.execute(
        "CREATE INDEX ix_interlock_job_rerun ON interlock_job (rerun_of, id)"
        " WHERE rerun_of IS NOT NULL"
    )
    json = postgresql.JSON().with_variant(sa.Text(), "sqlite")
    op.add_column("interlock_job", sa.Column("secret", json, nullable=True))
    memory = sa.Column("memory_bytes", sa.BigInteger(), nullable=True)
    op.add_column("interlock_worker", memory)
    when = sa.DateTime(timezone=True).with_variant(sa.BigInteger(), "sqlite")
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "interlock_remark",
        sa.Column("id", number, nullable=False),
        sa.Column("cause", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("text", sa.String(), nullable=True),
        sa.Column("by", sa.String(), nullable=False),
        sa.Column("at", when, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_interlock_remark")),
    )
    op.create_index("ix_interlock_remark_cause", "interlock_remark", ["cause", "id"])
