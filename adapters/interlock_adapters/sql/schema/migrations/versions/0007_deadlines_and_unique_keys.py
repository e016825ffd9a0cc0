"""Let jobs have a deadline and a limit without progress, and keep unique keys taken."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_WHEN = sa.DateTime(timezone=True).with_variant(sa.BigInteger(), "sqlite")
_WAITS = "status = 'PENDING' AND deadline_at IS NOT NULL"


def upgrade() -> None:
    """Add the columns, their index, and the table of keys."""
    op.add_column("interlock_job", sa.Column("deadline_at", _WHEN, nullable=True))
    op.add_column(
        "interlock_job", sa.Column("stalled_after_s", sa.Float(), nullable=True)
    )
    op.create_index(
        "ix_interlock_job_deadline",
        "interlock_job",
        ["deadline_at"],
        sqlite_where=sa.text(_WAITS),
        postgresql_where=sa.text(_WAITS),
    )
    op.create_table(
        "interlock_unique",
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("job_id", sa.String(), nullable=False),
        sa.Column("until", _WHEN, nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_interlock_unique")),
    )
    op.create_index("ix_interlock_unique_until", "interlock_unique", ["until"])
