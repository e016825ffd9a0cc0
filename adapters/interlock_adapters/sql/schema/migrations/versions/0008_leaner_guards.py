"""Let guards ask other tables only where it matters; their triggers are made anew."""

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Change no table: every upgrade installs the triggers of this version."""
