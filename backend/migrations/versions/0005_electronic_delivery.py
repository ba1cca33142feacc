"""Electronic delivery: files, links, the copyright ledger, librarians' notes

Revision ID: 0005_electronic_delivery
Revises: 0004_exchange
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from backend.core.db import UtcDateTime

revision = "0005_electronic_delivery"
down_revision = "0004_exchange"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("delivery_request") as batch:
        batch.add_column(sa.Column("delivery", sa.String(12), nullable=False, server_default=""))
    with op.batch_alter_table("delivery_notice") as batch:
        batch.add_column(sa.Column("link_id", sa.String(40), nullable=True))
        batch.add_column(sa.Column("error", sa.Text(), nullable=False, server_default=""))
    _files()
    _ledger()
    op.create_table(
        "delivery_note",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("number", sa.String(16), sa.ForeignKey("delivery_request.number"), nullable=False),
        sa.Column("member", sa.String(100), nullable=False),
        sa.Column("author", sa.String(120), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("at", UtcDateTime(timezone=True), nullable=False),
    )
    op.create_index("ix_delivery_note_number", "delivery_note", ["number"])


def _files() -> None:
    op.create_table(
        "delivery_file",
        sa.Column("id", sa.String(40), primary_key=True),
        sa.Column("number", sa.String(16), sa.ForeignKey("delivery_request.number"), nullable=False),
        sa.Column("supplier", sa.String(100), nullable=False),
        sa.Column("stored", sa.String(80), nullable=False),
        sa.Column("bytes", sa.Integer(), nullable=False),
        sa.Column("pages", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("removed", sa.JSON(), nullable=False),
        sa.Column("uploaded_by", sa.String(100), nullable=False),
        sa.Column("created_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("expires_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("gone_at", UtcDateTime(timezone=True), nullable=True),
        sa.UniqueConstraint("stored", name=op.f("uq_delivery_file_stored")),
    )
    op.create_index("ix_delivery_file_number", "delivery_file", ["number"])
    op.create_index("ix_delivery_file_expires_at", "delivery_file", ["expires_at"])
    op.create_table(
        "delivery_link",
        sa.Column("id", sa.String(40), primary_key=True),
        sa.Column("file_id", sa.String(40), sa.ForeignKey("delivery_file.id"), nullable=False),
        sa.Column("token_hash", sa.String(64), nullable=False),
        sa.Column("created_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("expires_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("max_downloads", sa.Integer(), nullable=False),
        sa.Column("downloads", sa.Integer(), nullable=False),
        sa.Column("last_at", UtcDateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", UtcDateTime(timezone=True), nullable=True),
        sa.UniqueConstraint("token_hash", name=op.f("uq_delivery_link_token_hash")),
    )
    op.create_index("ix_delivery_link_file_id", "delivery_link", ["file_id"])


def _ledger() -> None:
    op.create_table(
        "delivery_copy",
        sa.Column("number", sa.String(16), sa.ForeignKey("delivery_request.number"), primary_key=True),
        sa.Column("patron_key", sa.String(64), nullable=False),
        sa.Column("member", sa.String(100), nullable=False),
        sa.Column("isbn_key", sa.String(80), nullable=False),
        sa.Column("title_key", sa.String(64), nullable=False),
        sa.Column("pages", sa.Integer(), nullable=False),
        sa.Column("extent", sa.Integer(), nullable=True),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("at", UtcDateTime(timezone=True), nullable=False),
    )
    op.create_index("ix_delivery_copy_patron_key_at", "delivery_copy", ["patron_key", "at"])


def downgrade() -> None:
    for table in ("delivery_note", "delivery_copy", "delivery_link", "delivery_file"):
        op.drop_table(table)
    with op.batch_alter_table("delivery_notice") as batch:
        batch.drop_column("error")
        batch.drop_column("link_id")
    with op.batch_alter_table("delivery_request") as batch:
        batch.drop_column("delivery")
