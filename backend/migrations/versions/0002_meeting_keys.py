"""Entries meet by an ISBN, and remember the bytes they were read from

Revision ID: 0002_meeting_keys
Revises: 0001
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002_meeting_keys"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("cat_entries", schema=None) as batch_op:
        batch_op.add_column(sa.Column("meeting_key", sa.String(length=64), nullable=False, server_default=""))
        batch_op.add_column(sa.Column("raw_digest", sa.String(length=40), nullable=False, server_default=""))
        batch_op.create_index("ix_cat_entries_meeting", ["collection", "meeting_key"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("cat_entries", schema=None) as batch_op:
        batch_op.drop_index("ix_cat_entries_meeting")
        batch_op.drop_column("raw_digest")
        batch_op.drop_column("meeting_key")
