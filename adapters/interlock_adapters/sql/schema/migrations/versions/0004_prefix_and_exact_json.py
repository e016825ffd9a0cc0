"""Prefix every table, and keep JSON as it is written.

SQLite rewrote bare numbers in columns declared JSON, jsonb all of them.
"""

import re

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_PREFIX = "interlock_"
_TABLES = (
    *("job", "attempt", "history", "lifecycle", "rejection", "log", "queue"),
    *("job_name", "worker", "answer"),
)
_JSON = {
    "job": ("params", "retry", "metadata", "result", "error", "progress"),
    "attempt": ("error",),
    "worker": ("queues", "jobs"),
}
#: A number that SQLite has made of JSON, as JSON again. 17 digits are all of a double;
#: of a number beyond it nothing is left but its sign.
_EXACT = """CASE typeof({c}) WHEN 'real' THEN CASE
  WHEN {c} > 1.7976931348623157e308 THEN '"Infinity"'
  WHEN {c} < -1.7976931348623157e308 THEN '"-Infinity"'
  ELSE printf('%!.17g', {c}) END
ELSE CAST({c} AS TEXT) END"""


def upgrade() -> None:
    """Rename the tables and change the columns; grants stay."""
    if op.get_bind().dialect.name == "sqlite":
        _copy_all()
    else:
        _rename_all()


def _copy_all() -> None:
    """Make each table anew: SQLite cannot change the type of a column."""
    connection = op.get_bind()
    query = "SELECT name, tbl_name, type, sql FROM sqlite_master WHERE sql IS NOT NULL"
    made = [row for row in connection.exec_driver_sql(query) if row[1] in _TABLES]
    for name, _, kind, sql in made:
        if kind == "table":
            new = re.sub(r"\bJSON\b", "TEXT", _renamed(sql))
            connection.exec_driver_sql(new)
            columns = sa.inspect(connection).get_columns(name)
            names = [f'"{column["name"]}"' for column in columns]
            json = _JSON.get(name, ())
            values = [
                _EXACT.format(c=f'"{column["name"]}"')
                if column["name"] in json
                else f'"{column["name"]}"'
                for column in columns
            ]
            connection.exec_driver_sql(
                f"INSERT INTO {_PREFIX}{name} ({', '.join(names)})"
                f" SELECT {', '.join(values)} FROM {name}"
            )
    for name in _TABLES:
        connection.exec_driver_sql(f"DROP TABLE {name}")
    for _, _, kind, sql in made:
        if kind == "index":
            connection.exec_driver_sql(_renamed(sql))


def _renamed(sql: str) -> str:
    """Return the statement that made a table or an index, for the new name."""
    tables = "|".join(sorted(_TABLES, key=len, reverse=True))
    sql = re.sub(rf"\b(ix|uq|ck|pk)_(?={tables})", rf"\1_{_PREFIX}", sql)
    found = re.compile(rf'\b(CREATE TABLE |ON )"?({tables})"?(?= ?\()')
    return found.sub(rf"\1{_PREFIX}\2", sql, count=1)


def _rename_all() -> None:
    connection = op.get_bind()
    for name in _TABLES:
        op.execute(f"ALTER TABLE {name} RENAME TO {_PREFIX}{name}")
    for name, columns in _JSON.items():
        changes = (f"ALTER {c} TYPE json USING {c}::text::json" for c in columns)
        op.execute(f"ALTER TABLE {_PREFIX}{name} {', '.join(changes)}")
    for table, constraint in connection.exec_driver_sql(
        "SELECT conrelid::regclass::text, conname FROM pg_constraint"
        " WHERE connamespace = current_schema()::regnamespace"
        " AND conrelid::regclass::text LIKE 'interlock\\_%%'"
    ).all():
        new = _name(constraint)
        if new != constraint:
            op.execute(f"ALTER TABLE {table} RENAME CONSTRAINT {constraint} TO {new}")
    for kind, name in connection.exec_driver_sql(
        "SELECT DISTINCT c.relkind::text, c.relname FROM pg_class AS c"
        " LEFT JOIN pg_index AS i ON i.indexrelid = c.oid"
        " LEFT JOIN pg_depend AS d ON d.objid = c.oid AND d.deptype = 'a'"
        " JOIN pg_class AS t ON t.oid = coalesce(i.indrelid, d.refobjid)"
        " WHERE c.relkind IN ('i', 'S') AND t.relname LIKE 'interlock\\_%%'"
        " AND c.relnamespace = current_schema()::regnamespace"
    ).all():
        new = _name(name)
        if new != name:
            what = "INDEX" if kind == "i" else "SEQUENCE"
            op.execute(f"ALTER {what} {name} RENAME TO {new}")


def _name(old: str) -> str:
    """Return the new name of a constraint, an index or a sequence."""
    if old.startswith(_PREFIX) or f"_{_PREFIX}" in old:
        return old
    head, separator, tail = old.partition("_")
    if head in {"ix", "uq", "ck", "pk"} and separator:
        return f"{head}_{_PREFIX}{tail}"
    return _PREFIX + old
