"""Count jobs by their history, know the database's place, and number with 64 bits."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_VACUUMED = (
    "autovacuum_vacuum_scale_factor = 0.02,"
    " autovacuum_vacuum_insert_scale_factor = 0.05,"
    " autovacuum_analyze_scale_factor = 0.02"
)
#: In PostgreSQL a transaction that still runs may write positions from its id on.
_TALLIED = {
    True: "CAST(CAST(pg_snapshot_xmin(pg_current_snapshot()) AS text) AS bigint) - 1",
    False: "(SELECT coalesce(max(position), 0) FROM interlock_history)",
}
#: More than 0 where a copy was made on another server, whose transactions counted on.
_BASE = {
    True: "(SELECT greatest(0, coalesce(max(position), 0) + 1 - CAST(CAST("
    "pg_current_xact_id() AS text) AS bigint)) FROM interlock_history)",
    False: "0",
}


def upgrade() -> None:
    """Add the tables, and count the jobs that there are."""
    is_postgres = op.get_bind().dialect.name == "postgresql"
    for name in ("place", "trouble"):
        column = sa.Column(name, sa.String(), nullable=True)
        op.add_column("interlock_worker", column)
    op.create_table(
        "interlock_feed",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("place", sa.String(), nullable=True),
        sa.Column("base", sa.BigInteger(), nullable=False),
        sa.Column("tallied", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_interlock_feed")),
    )
    op.create_table(
        "interlock_tally",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("jobs", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", "status", name=op.f("pk_interlock_tally")),
    )
    if is_postgres:
        _count_with_64_bits()
    op.execute(
        "INSERT INTO interlock_feed (id, base, tallied)"
        f" SELECT 1, {_BASE[is_postgres]}, {_TALLIED[is_postgres]}"
    )
    op.execute(
        "INSERT INTO interlock_tally (name, status, jobs)"
        " SELECT j.name, d.status, sum(d.jobs) FROM ("
        "SELECT job_id, target AS status, 1 AS jobs, position FROM interlock_history"
        " UNION ALL SELECT job_id, source, -1, position FROM interlock_history"
        " WHERE source IS NOT NULL) AS d JOIN interlock_job AS j ON j.id = d.job_id"
        " WHERE d.position <= (SELECT tallied FROM interlock_feed)"
        " GROUP BY j.name, d.status"
    )


def _count_with_64_bits() -> None:
    for table, column in (("log", "seq"), ("rejection", "id")):
        op.execute(f"ALTER TABLE interlock_{table} ALTER COLUMN {column} TYPE bigint")
        op.execute(f"ALTER SEQUENCE interlock_{table}_{column}_seq AS bigint")
    for table in ("job", "attempt", "history", "log"):
        op.execute(f"ALTER TABLE interlock_{table} SET ({_VACUUMED})")
