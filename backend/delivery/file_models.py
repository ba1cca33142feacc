"""Tables of electronic delivery: the file that was supplied, and the links under which its reader fetches it."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import JSON, ForeignKey, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from backend.core.db import Base, UtcDateTime


class FileRow(Base):
    """A supplied file. ``stored``: its random name on disk; ``gone_at``: when it was taken off the disk.
    ``removed``: active contents that were left behind."""

    __tablename__ = "delivery_file"

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    number: Mapped[str] = mapped_column(ForeignKey("delivery_request.number"), index=True)
    supplier: Mapped[str] = mapped_column(String(100))
    stored: Mapped[str] = mapped_column(String(80), unique=True)
    bytes: Mapped[int] = mapped_column(Integer)
    pages: Mapped[int] = mapped_column(Integer)
    sha256: Mapped[str] = mapped_column(String(64))
    removed: Mapped[list[str]] = mapped_column(JSON, default=list)
    uploaded_by: Mapped[str] = mapped_column(String(100))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    gone_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class LinkRow(Base):
    """A link to a file. Only the hash of its token is kept; the token is made anew from ``id`` and the server's key."""

    __tablename__ = "delivery_link"

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    file_id: Mapped[str] = mapped_column(ForeignKey("delivery_file.id"), index=True)
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    max_downloads: Mapped[int] = mapped_column(Integer)
    downloads: Mapped[int] = mapped_column(Integer, default=0)
    last_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
