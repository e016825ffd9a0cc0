"""Give the histories one order over all jobs, and keep answers for their keys."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_WHEN = sa.DateTime(timezone=True).with_variant(sa.BigInteger(), "sqlite")


def upgrade() -> None:
    """Add the position and the table; what is there comes first, by job."""
    position = sa.Column(
        "position", sa.BigInteger(), nullable=False, server_default=sa.text("0")
    )
    op.add_column("history", position)
    op.create_index("ix_history_feed", "history", ["position", "job_id", "seq"])
    op.create_table(
        "answer",
        sa.Column("key", sa.String(), primary_key=True),
        sa.Column("request", sa.String(), nullable=False),
        sa.Column("text", sa.String(), nullable=True),
        sa.Column("until", _WHEN, nullable=False),
    )
    op.create_index("ix_answer_until", "answer", ["until"])
