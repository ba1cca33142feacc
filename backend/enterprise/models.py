"""Tables of the enterprise branches: authorised networks, accounts, sessions, topics, followed standards, alerts."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import JSON, Date, ForeignKey, Index, Integer, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from backend.core.accounts import AccountColumns, SessionColumns
from backend.core.db import Base, UtcDateTime


class BranchRow(Base):
    """An enterprise branch. ``member``: the site whose name the chat on the branch's page acts under."""

    __tablename__ = "enterprise_branch"

    code: Mapped[str] = mapped_column(String(40), primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    member: Mapped[str] = mapped_column(String(40), default="")
    active: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class NetworkRow(Base):
    """A network (CIDR) whose callers are in the branch."""

    __tablename__ = "enterprise_network"
    __table_args__ = (UniqueConstraint("branch", "network"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    branch: Mapped[str] = mapped_column(ForeignKey("enterprise_branch.code", ondelete="CASCADE"))
    network: Mapped[str] = mapped_column(String(60))


class AccountRow(AccountColumns, Base):
    """An account of a branch, for callers from elsewhere."""

    __tablename__ = "enterprise_account"

    branch: Mapped[str] = mapped_column(ForeignKey("enterprise_branch.code", ondelete="CASCADE"), index=True)
    name: Mapped[str] = mapped_column(String(200))
    email: Mapped[str] = mapped_column(String(200), default="")


class SessionRow(SessionColumns, Base):
    """A signed-in account."""

    __tablename__ = "enterprise_session"

    account_id: Mapped[str] = mapped_column(ForeignKey("enterprise_account.id", ondelete="CASCADE"), index=True)


class TopicRow(Base):
    """A topic (定题) that a branch follows. ``seen_revision``: changes of the catalogue were looked at up to here."""

    __tablename__ = "enterprise_topic"
    __table_args__ = (UniqueConstraint("branch", "name"),)

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    branch: Mapped[str] = mapped_column(ForeignKey("enterprise_branch.code", ondelete="CASCADE"), index=True)
    name: Mapped[str] = mapped_column(String(120))
    query: Mapped[str] = mapped_column(String(500))
    kinds: Mapped[list[str]] = mapped_column(JSON)
    seen_revision: Mapped[int] = mapped_column(Integer)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class WatchRow(Base):
    """A standard that a branch follows, with the state in which it was last seen."""

    __tablename__ = "enterprise_watch"
    __table_args__ = (UniqueConstraint("branch", "number"),)

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    branch: Mapped[str] = mapped_column(ForeignKey("enterprise_branch.code", ondelete="CASCADE"), index=True)
    number: Mapped[str] = mapped_column(String(80))
    known: Mapped[dict[str, Any]] = mapped_column(JSON)
    checked_on: Mapped[date] = mapped_column(Date)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class AlertRow(Base):
    """Something new for a branch. ``source``: the topic or watch; the same news is told once (``fingerprint``)."""

    __tablename__ = "enterprise_alert"
    __table_args__ = (
        UniqueConstraint("source", "fingerprint"),
        Index("ix_enterprise_alert_branch", "branch", "created_at"),
    )

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    branch: Mapped[str] = mapped_column(ForeignKey("enterprise_branch.code", ondelete="CASCADE"))
    kind: Mapped[str] = mapped_column(String(16))
    source: Mapped[str] = mapped_column(String(40))
    fingerprint: Mapped[str] = mapped_column(String(120))
    item_id: Mapped[str] = mapped_column(String(64), default="")
    title: Mapped[str] = mapped_column(Text)
    text: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    read_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
