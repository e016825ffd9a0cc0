"""Find the jobs that ran another one again."""

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the index."""
    op.execute(
        "CREATE INDEX ix_interlock_job_rerun ON interlock_job (rerun_of, id)"
        " WHERE rerun_of IS NOT NULL"
    )
