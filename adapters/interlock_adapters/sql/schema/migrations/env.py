"""Alembic's entry: runs the migrations on the connection that `schema` hands over."""

from alembic import context

from interlock_adapters.sql.schema.tables import VERSION_TABLE, Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    version_table=VERSION_TABLE,
)
context.run_migrations()
