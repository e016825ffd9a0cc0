"""Room for what an attempt used, for who submitted a job, and for a worker's lease."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    """Add the columns, empty."""
    for table, column in (
        ("attempt", sa.Column("peak_memory_bytes", sa.BigInteger(), nullable=True)),
        ("attempt", sa.Column("cpu_seconds", sa.Float(), nullable=True)),
        ("job", sa.Column("parent_id", sa.String(), nullable=True)),
        ("worker", sa.Column("lease_s", sa.Float(), nullable=True)),
        ("worker", sa.Column("jobs", _JSON, nullable=True)),
    ):
        op.add_column(table, column)
