"""Run by Alembic. The connection comes from :func:`backend.migrations.upgrade`, inside its transaction."""

from __future__ import annotations

from alembic import context

from backend.migrations.tables import all_metadata

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=all_metadata(),
    render_as_batch=connection.dialect.name == "sqlite",
    compare_type=True,
)
context.run_migrations()
