"""The exchange with other ISO 18626 systems

Revision ID: 0002
Revises: 0001
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import backend.core.db

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    moment = backend.core.db.UtcDateTime(timezone=True)
    op.create_table(
        "delivery_ill_received",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("peer", sa.String(length=80), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("request_id", sa.String(length=200), nullable=False),
        sa.Column("sender_time", moment, nullable=False),
        sa.Column("received_at", moment, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_delivery_ill_received")),
        sa.UniqueConstraint("peer", "digest", name=op.f("uq_delivery_ill_received_peer_digest")),
    )
    op.create_index("ix_delivery_ill_received_request", "delivery_ill_received", ["peer", "request_id"])
    op.create_table(
        "delivery_ill_sent",
        sa.Column("history_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("peer", sa.String(length=80), nullable=False),
        sa.Column("sent_at", moment, nullable=False),
        sa.PrimaryKeyConstraint("history_id", "peer", name=op.f("pk_delivery_ill_sent")),
    )


def downgrade() -> None:
    op.drop_table("delivery_ill_sent")
    op.drop_table("delivery_ill_received")
