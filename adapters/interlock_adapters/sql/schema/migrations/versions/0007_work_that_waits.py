"""Let jobs wait for limits, rates, turns, holds, schedules; and end at deadlines."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_WHEN = sa.DateTime(timezone=True).with_variant(sa.BigInteger(), "sqlite")
_JSON = postgresql.JSON().with_variant(sa.Text(), "sqlite")
_OPEN = "status = 'PENDING' AND coalesce(held_by, '{0}') = '{0}'"
_LIVE = "status IN ('PENDING', 'RUNNING')"
_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add the columns and tables; limits of names stay."""
    _remove_triggers()
    for name, kind in (
        ("keys", _JSON),
        ("when_full", sa.String()),
        ("hold_by", sa.String()),
        ("hold_reason", sa.String()),
        ("hold_until", _WHEN),
        ("fair_key", sa.String()),
        ("aging_s", sa.Float()),
        ("next_age_at", _WHEN),
    ):
        op.add_column("interlock_job", sa.Column(name, kind, nullable=True))
    _order_by_turns()
    _widen_limits()
    op.create_table(
        "interlock_rate",
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("base", sa.String(), nullable=False),
        sa.Column("job_id", sa.String(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("at", _WHEN, nullable=False),
        sa.Column("free_at", _WHEN, nullable=False),
        sa.PrimaryKeyConstraint("key", "number", name=op.f("pk_interlock_rate")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_interlock_rate_free", "interlock_rate", ["key", "free_at"])
    op.create_index("ix_interlock_rate_job_id", "interlock_rate", ["job_id"])
    op.create_table(
        "interlock_hold",
        sa.Column("id", _NUMBER, nullable=False),
        sa.Column("target", sa.String(), nullable=False),
        sa.Column("by", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("at", _WHEN, nullable=False),
        sa.Column("until", _WHEN, nullable=True),
        sa.Column("released_at", _WHEN, nullable=True),
        sa.Column("released_by", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_interlock_hold")),
    )
    where = sa.text("released_at IS NULL")
    op.create_index(
        "uq_interlock_hold_target",
        "interlock_hold",
        ["target"],
        unique=True,
        sqlite_where=where,
        postgresql_where=where,
    )
    op.create_table(
        "interlock_opening",
        sa.Column("cause", sa.String(), nullable=False),
        sa.Column("at", _WHEN, nullable=False),
        sa.PrimaryKeyConstraint("cause", name=op.f("pk_interlock_opening")),
    )
    op.create_index("ix_interlock_opening_at", "interlock_opening", ["at"])
    _add_deadlines_and_unique_keys()
    _add_schedules()


def _remove_triggers() -> None:
    """Let no trigger be rewritten, nor fire: those of this version come afterwards."""
    connection = op.get_bind()
    if connection.dialect.name == "postgresql":
        op.execute("ALTER TABLE interlock_job DISABLE TRIGGER USER")
        return
    found = connection.exec_driver_sql(
        "SELECT name FROM sqlite_master WHERE type = 'trigger'"
        " AND name LIKE 'interlock%'"
    )
    for (name,) in found.all():
        op.execute(f"DROP TRIGGER {name}")


def _order_by_turns() -> None:
    """Add the order of starts, and make the indexes of waiting jobs anew."""
    zero = sa.text("0")
    for name in ("urgency", "turn"):
        column = sa.Column(name, sa.BigInteger(), nullable=False, server_default=zero)
        op.add_column("interlock_job", column)
    op.create_table(
        "interlock_turn",
        sa.Column("fair_key", sa.String(), nullable=False),
        sa.Column("turn", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("fair_key", name=op.f("pk_interlock_turn")),
    )
    op.execute("UPDATE interlock_job SET urgency = priority WHERE status = 'PENDING'")
    order = "urgency DESC, turn, id"
    for name, columns, where in (
        ("open", order, _OPEN.format("open")),
        ("kind", f"name, {order}", _OPEN.format("kind")),
        ("lane", f"name, queue, {order}", _OPEN.format("lane")),
        (
            "held",
            f"held_by, {order}",
            "status = 'PENDING' AND held_by IS NOT NULL AND held_by <> 'due'",
        ),
    ):
        op.execute(f"DROP INDEX ix_interlock_job_{name}")
        _index(name, columns, where)
    fair = "status = 'PENDING' AND fair_key IS NOT NULL AND held_by IS NULL"
    _index("fair", "fair_key", fair)
    _index("aging", "next_age_at", "status = 'PENDING' AND next_age_at IS NOT NULL")


def _index(name: str, columns: str, where: str) -> None:
    op.execute(
        f"CREATE INDEX ix_interlock_job_{name} ON interlock_job ({columns})"
        f" WHERE {where}"
    )


def _widen_limits() -> None:
    """Let a limit be one of a rate alone; SQLite cannot change a column."""
    is_postgres = op.get_bind().dialect.name == "postgresql"
    added = (
        sa.Column("rate_count", sa.Integer(), nullable=True),
        sa.Column("rate_period_s", sa.Integer(), nullable=True),
        sa.Column("set_by", sa.String(), nullable=True),
        sa.Column("set_at", _WHEN, nullable=True),
        sa.Column("declared", _JSON, nullable=True),
    )
    if is_postgres:
        op.alter_column("interlock_limit", "max_running", nullable=True)
        for column in added:
            op.add_column("interlock_limit", column)
        return
    op.rename_table("interlock_limit", "interlock_limit_0006")
    op.create_table(
        "interlock_limit",
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("max_running", sa.Integer(), nullable=True),
        *added,
        sa.PrimaryKeyConstraint("key", name=op.f("pk_interlock_limit")),
    )
    op.execute(
        "INSERT INTO interlock_limit (key, max_running)"
        " SELECT key, max_running FROM interlock_limit_0006"
    )
    op.drop_table("interlock_limit_0006")


def _add_deadlines_and_unique_keys() -> None:
    op.add_column("interlock_job", sa.Column("deadline_at", _WHEN, nullable=True))
    op.add_column(
        "interlock_job", sa.Column("stalled_after_s", sa.Float(), nullable=True)
    )
    op.execute("DROP INDEX ix_interlock_job_expiry")
    first = "status = 'PENDING' AND attempt = 0 AND expires_at IS NOT NULL"
    _index("expiry", "expires_at", first)
    _index("deadline", "deadline_at", "status = 'PENDING' AND deadline_at IS NOT NULL")
    op.create_table(
        "interlock_unique",
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("job_id", sa.String(), nullable=False),
        sa.Column("until", _WHEN, nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_interlock_unique")),
    )
    op.create_index("ix_interlock_unique_until", "interlock_unique", ["until"])


def _add_schedules() -> None:
    is_postgres = op.get_bind().dialect.name == "postgresql"
    moment = sa.DateTime(timezone=True) if is_postgres else sa.BigInteger()
    json = sa.JSON() if is_postgres else sa.Text()
    op.add_column("interlock_job", sa.Column("schedule", sa.String(), nullable=True))
    op.add_column("interlock_job", sa.Column("scheduled_for", moment, nullable=True))
    op.execute(
        "CREATE INDEX ix_interlock_job_schedule ON interlock_job (schedule, id)"
        f" WHERE schedule IS NOT NULL AND {_LIVE}"
    )
    op.create_table(
        "interlock_schedule",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("job", sa.String(), nullable=False),
        sa.Column("spec", json, nullable=False),
        sa.Column("options", json, nullable=False),
        sa.Column("declared", sa.Boolean(), nullable=False),
        sa.Column("edited", sa.Boolean(), nullable=False),
        sa.Column("paused", sa.Boolean(), nullable=False),
        sa.Column("created_at", moment, nullable=False),
        sa.Column("anchor", moment, nullable=False),
        sa.Column("next_at", moment, nullable=True),
        sa.Column("waiting_at", moment, nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(), nullable=True),
        sa.Column("replaced", json, nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_interlock_schedule")),
    )
    op.execute(
        "CREATE INDEX ix_interlock_schedule_next ON interlock_schedule (next_at)"
        " WHERE NOT paused"
    )
    op.execute(
        "CREATE INDEX ix_interlock_schedule_waiting ON interlock_schedule (name)"
        " WHERE waiting_at IS NOT NULL"
    )
    op.create_table(
        "interlock_schedule_edit",
        sa.Column("schedule", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", moment, nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("what", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint(
            "schedule", "number", name=op.f("pk_interlock_schedule_edit")
        ),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "interlock_tick",
        sa.Column("schedule", sa.String(), nullable=False),
        sa.Column("due_at", moment, nullable=False),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("at", moment, nullable=False),
        sa.Column("wall_time", sa.String(), nullable=False),
        sa.Column("why", sa.String(), nullable=True),
        sa.Column("job_id", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("schedule", "due_at", name=op.f("pk_interlock_tick")),
        sqlite_with_rowid=False,
    )
    if is_postgres:
        op.execute(
            "ALTER TABLE interlock_tick SET (autovacuum_vacuum_scale_factor = 0.02,"
            " autovacuum_vacuum_insert_scale_factor = 0.05,"
            " autovacuum_analyze_scale_factor = 0.02)"
        )
