"""Find the jobs that ran another one again; keep which parameters are secret."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the index and the column."""
    op.execute(
        "CREATE INDEX ix_interlock_job_rerun ON interlock_job (rerun_of, id)"
        " WHERE rerun_of IS NOT NULL"
    )
    json = postgresql.JSON().with_variant(sa.Text(), "sqlite")
    op.add_column("interlock_job", sa.Column("secret", json, nullable=True))
