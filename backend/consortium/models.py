"""Tables of members, agreements, staff accounts and peers."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import JSON, Date, ForeignKey, Index, Integer, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from backend.core.accounts import AccountColumns, SessionColumns
from backend.core.db import Base, UtcDateTime


class MemberRow(Base):
    """A library. ``closed_days``: ISO weekdays (1 Monday … 7 Sunday) and ISO dates. ``goal``: how much more it means to
    lend than to borrow (rolling, in requests). ``alias_of``: this is only another site of that member."""

    __tablename__ = "consortium_member"

    code: Mapped[str] = mapped_column(String(40), primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    address: Mapped[str] = mapped_column(Text, default="")
    email: Mapped[str] = mapped_column(String(200), default="")
    latitude: Mapped[float | None] = mapped_column()
    longitude: Mapped[float | None] = mapped_column()
    closed_days: Mapped[list[str]] = mapped_column(JSON, default=list)
    goal: Mapped[int] = mapped_column(Integer, default=0)
    alias_of: Mapped[str | None] = mapped_column(String(40), default=None)
    active: Mapped[bool] = mapped_column(default=True)
    joined_at: Mapped[datetime] = mapped_column(UtcDateTime)


class OriginRow(Base):
    """A web site that may embed the widget for a member. ``origin`` may end in ``:*`` (any port)."""

    __tablename__ = "consortium_origin"
    __table_args__ = (UniqueConstraint("member", "origin"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    member: Mapped[str] = mapped_column(ForeignKey("consortium_member.code", ondelete="CASCADE"))
    origin: Mapped[str] = mapped_column(String(300))


class AgreementRow(Base):
    """What ``supplier`` supplies to ``requester``. Prices in fen; limits may be None. ``valid_until``: the last day."""

    __tablename__ = "consortium_agreement"
    __table_args__ = (Index("ix_consortium_agreement_pair", "requester", "supplier", "service"),)

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    requester: Mapped[str] = mapped_column(ForeignKey("consortium_member.code"))
    supplier: Mapped[str] = mapped_column(ForeignKey("consortium_member.code"))
    service: Mapped[str] = mapped_column(String(8))
    price_fen: Mapped[int] = mapped_column(Integer, default=0)
    page_price_fen: Mapped[int] = mapped_column(Integer, default=0)
    max_pages: Mapped[int | None] = mapped_column()
    max_per_month: Mapped[int | None] = mapped_column()
    valid_from: Mapped[date] = mapped_column(Date)
    valid_until: Mapped[date | None] = mapped_column(Date)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class StaffRow(AccountColumns, Base):
    """A librarian's account. ``member`` None: the consortium office."""

    __tablename__ = "consortium_staff"

    name: Mapped[str] = mapped_column(String(120))
    role: Mapped[str] = mapped_column(String(16))
    member: Mapped[str | None] = mapped_column(ForeignKey("consortium_member.code"))


class StaffSessionRow(SessionColumns, Base):
    """A console session."""

    __tablename__ = "consortium_staff_session"

    staff_id: Mapped[str] = mapped_column(ForeignKey("consortium_staff.id", ondelete="CASCADE"), index=True)


class OutsideSupplierRow(Base):
    """A supplier outside the consortium that is asked by e-mail."""

    __tablename__ = "consortium_outside_supplier"

    code: Mapped[str] = mapped_column(String(40), primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    email: Mapped[str] = mapped_column(String(320))
    active: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class PeerRow(Base):
    """Another ISO 18626 system. ``token_hash`` recognises it when it calls; ``outgoing_token`` is what we show it."""

    __tablename__ = "consortium_peer"

    symbol: Mapped[str] = mapped_column(String(80), primary_key=True)
    name: Mapped[str] = mapped_column(String(200), default="")
    url: Mapped[str] = mapped_column(String(500))
    version: Mapped[str] = mapped_column(String(10), default="1.2")
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    outgoing_token: Mapped[str] = mapped_column(String(200), default="")
    active: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
