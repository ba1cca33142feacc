"""What is remembered of a source between two loads

Revision ID: 0003_sources
Revises: 0002_meeting_keys
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003_sources"
down_revision = "0002_meeting_keys"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "cat_sources",
        sa.Column("source", sa.String(length=512), primary_key=True),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("mark", sa.String(length=40), nullable=False),
    )
    op.create_table(
        "cat_files",
        sa.Column("collection", sa.String(length=64), primary_key=True),
        sa.Column("member", sa.String(length=64), primary_key=True),
        sa.Column("source_id", sa.String(length=512), primary_key=True),
        sa.Column("mark", sa.String(length=40), nullable=False),
        sa.Column("digest", sa.String(length=40), nullable=False),
    )
    op.create_table(
        "cat_harvests",
        sa.Column("source", sa.String(length=512), primary_key=True),
        sa.Column("address", sa.String(length=40), primary_key=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("updated", sa.Float(), nullable=False),
    )


def downgrade() -> None:
    op.drop_table("cat_harvests")
    op.drop_table("cat_files")
    op.drop_table("cat_sources")
