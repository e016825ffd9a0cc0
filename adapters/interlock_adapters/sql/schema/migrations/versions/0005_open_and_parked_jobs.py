"""Park jobs that cannot start, and make the slots of limits rows."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_OPEN = "status = 'PENDING' AND coalesce(held_by, '{0}') = '{0}'"


def upgrade() -> None:
    """Add the tables; jobs that run under a limit get their slots."""
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    op.add_column("interlock_job", sa.Column("held_by", sa.String(), nullable=True))
    if is_sqlite:  # the guards are installed anew after the migrations
        triggers = op.get_bind().exec_driver_sql(
            "SELECT name FROM sqlite_master WHERE type = 'trigger'"
            " AND name LIKE 'interlock%'"
        )
        for (name,) in triggers.all():
            op.execute(f"DROP TRIGGER {name}")
    else:
        op.execute("ALTER TABLE interlock_job DISABLE TRIGGER USER")
    op.execute(
        "UPDATE interlock_job SET held_by = 'due' WHERE status = 'PENDING' AND ready = 0"
    )
    for name in ("claim", "due"):
        op.drop_index(f"ix_interlock_job_{name}", "interlock_job")
    op.drop_column("interlock_job", "ready")
    for name, columns in (("open", ""), ("kind", "name, "), ("lane", "name, queue, ")):
        _index(name, f"{columns}priority DESC, id", _OPEN.format(name))
    _index(
        "held",
        "held_by, priority DESC, id",
        "status = 'PENDING' AND held_by IS NOT NULL AND held_by <> 'due'",
    )
    _index("due", "run_at", "status = 'PENDING' AND held_by = 'due'")
    _index("waiting", "queue", "status = 'PENDING'")
    op.create_table(
        "interlock_limit",
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("max_running", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_interlock_limit")),
    )
    op.create_table(
        "interlock_slot",
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("job_id", sa.String(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("key", "number", name=op.f("pk_interlock_slot")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_interlock_slot_job_id", "interlock_slot", ["job_id"])
    op.execute(
        "INSERT INTO interlock_limit (key, max_running)"
        " SELECT 'name:' || name, max_running FROM interlock_job_name"
    )
    op.execute(
        "INSERT INTO interlock_slot (key, number, job_id, attempt)"
        " SELECT l.key, row_number() OVER (PARTITION BY l.key ORDER BY j.id), j.id,"
        " j.attempt FROM interlock_job AS j JOIN interlock_limit AS l"
        " ON l.key = 'name:' || j.name WHERE j.status = 'RUNNING'"
    )
    op.drop_table("interlock_job_name")


def _index(name: str, columns: str, where: str) -> None:
    op.execute(
        f"CREATE INDEX ix_interlock_job_{name} ON interlock_job ({columns})"
        f" WHERE {where}"
    )
