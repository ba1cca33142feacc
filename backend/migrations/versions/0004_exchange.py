"""Suppliers asked by e-mail; the history of requests cannot be changed

Revision ID: 0004_exchange
Revises: 0003_sources

A later migration that rebuilds ``delivery_history`` (SQLite: batch mode copies the table) must make its triggers anew:
``for statement in append_only(dialect): op.execute(statement)``.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import backend.core.db
from backend.delivery.append_only import append_only

revision = "0004_exchange"
down_revision = "0003_sources"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "consortium_outside_supplier",
        sa.Column("code", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("email", sa.String(length=320), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("created_at", backend.core.db.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_consortium_outside_supplier")),
    )
    for statement in append_only(op.get_bind().dialect.name):
        op.execute(statement)


def downgrade() -> None:
    op.drop_table("consortium_outside_supplier")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP TRIGGER delivery_history_append_only ON delivery_history")
        op.execute("DROP FUNCTION delivery_history_append_only()")
        return
    for change in ("update", "delete"):
        op.execute(f"DROP TRIGGER delivery_history_no_{change}")
