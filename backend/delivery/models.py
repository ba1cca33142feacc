"""Tables of delivery: the request, its append-only history, its rota, the patron kept apart, supplies, notices."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import JSON, Date, Float, ForeignKey, Index, Integer, String, Text, UniqueConstraint, event
from sqlalchemy.orm import Mapped, mapped_column

from backend.core.db import Base, UtcDateTime
from backend.delivery.append_only import guard


class RequestRow(Base):
    """A request. ``requester`` and ``supplier`` are member codes or ``peer:SYMBOL``. ``version`` counts its changes and
    guards every UPDATE. ``delivery``: electronic, pickup, or "" where nobody said. ``owner`` placed it and scopes its
    idempotency key; ``fingerprint`` is what was asked."""

    __tablename__ = "delivery_request"
    __table_args__ = (
        UniqueConstraint("owner", "idempotency_key"),
        Index("ix_delivery_request_supplier_state", "supplier", "state"),
        Index("ix_delivery_request_requester_state", "requester", "state"),
        Index("ix_delivery_request_owner_item", "owner", "item_id"),
        Index("ix_delivery_request_peer", "requester", "peer_request_id"),
    )

    number: Mapped[str] = mapped_column(String(16), primary_key=True)
    state: Mapped[str] = mapped_column(String(20), index=True)
    version: Mapped[int] = mapped_column(Integer, default=1)
    service: Mapped[str] = mapped_column(String(8))
    requester: Mapped[str] = mapped_column(String(100))
    supplier: Mapped[str | None] = mapped_column(String(100))
    rota_round: Mapped[int] = mapped_column(Integer, default=1)
    owner: Mapped[str] = mapped_column(String(100))
    visitor_id: Mapped[str | None] = mapped_column(String(64), index=True)
    idempotency_key: Mapped[str | None] = mapped_column(String(200))
    fingerprint: Mapped[str] = mapped_column(String(64))
    item_id: Mapped[str | None] = mapped_column(String(64))
    title: Mapped[str] = mapped_column(Text)
    item: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    citation: Mapped[str] = mapped_column(Text, default="")
    matched: Mapped[str] = mapped_column(Text, default="")
    pages: Mapped[str] = mapped_column(String(200), default="")
    page_count: Mapped[int | None] = mapped_column()
    needed_by: Mapped[date | None] = mapped_column(Date)
    pickup: Mapped[str] = mapped_column(String(200), default="")
    delivery: Mapped[str] = mapped_column(String(12), default="")
    note: Mapped[str] = mapped_column(Text, default="")
    message: Mapped[str] = mapped_column(Text, default="")
    due: Mapped[date | None] = mapped_column(Date)
    renewals: Mapped[int] = mapped_column(Integer, default=0)
    peer_request_id: Mapped[str | None] = mapped_column(String(200))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)
    state_since: Mapped[datetime] = mapped_column(UtcDateTime)
    closed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class PatronRow(Base):
    """Who asked and how to reach them: shown to their own library only, erased some time after the request closes."""

    __tablename__ = "delivery_patron"

    number: Mapped[str] = mapped_column(ForeignKey("delivery_request.number", ondelete="CASCADE"), primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    contact: Mapped[str] = mapped_column(String(300))
    contact_hash: Mapped[str] = mapped_column(String(64), index=True)
    erased_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class HistoryRow(Base):
    """One change: who, when, why. Never changed, never deleted: the database refuses."""

    __tablename__ = "delivery_history"

    id: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[str] = mapped_column(ForeignKey("delivery_request.number"), index=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    version: Mapped[int] = mapped_column(Integer)
    action: Mapped[str] = mapped_column(String(40))
    from_state: Mapped[str] = mapped_column(String(20))
    to_state: Mapped[str] = mapped_column(String(20))
    side: Mapped[str] = mapped_column(String(16))
    actor_key: Mapped[str] = mapped_column(String(100))
    actor_name: Mapped[str] = mapped_column(String(120), default="")
    actor_member: Mapped[str | None] = mapped_column(String(100))
    supplier: Mapped[str | None] = mapped_column(String(100))
    told: Mapped[str] = mapped_column(Text, default="")
    reason: Mapped[str] = mapped_column(Text, default="")
    detail: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)


class RotaRow(Base):
    """A library's place in a request's rota, and why. ``state``: waiting, asked, declined, expired, passed, supplied,
    left_out."""

    __tablename__ = "delivery_rota"
    __table_args__ = (
        UniqueConstraint("number", "round", "supplier"),
        Index("ix_delivery_rota_supplier_asked_at", "supplier", "asked_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[str] = mapped_column(ForeignKey("delivery_request.number", ondelete="CASCADE"))
    round: Mapped[int] = mapped_column(Integer)
    position: Mapped[int] = mapped_column(Integer)
    supplier: Mapped[str] = mapped_column(String(100))
    state: Mapped[str] = mapped_column(String(16))
    score: Mapped[float] = mapped_column(Float)
    reasons: Mapped[list[str]] = mapped_column(JSON)
    price_fen: Mapped[int] = mapped_column(Integer, default=0)
    page_price_fen: Mapped[int] = mapped_column(Integer, default=0)
    agreement: Mapped[str | None] = mapped_column(String(40))
    asked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    answered_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    answer: Mapped[str] = mapped_column(Text, default="")


class SupplyRow(Base):
    """What was supplied: one row a request (nothing is served twice); balances, figures and settlements add these up.
    ``days``: from asking the supplier to supplying."""

    __tablename__ = "delivery_supply"
    __table_args__ = (Index("ix_delivery_supply_at", "at"),)

    number: Mapped[str] = mapped_column(ForeignKey("delivery_request.number"), primary_key=True)
    requester: Mapped[str] = mapped_column(String(100))
    supplier: Mapped[str] = mapped_column(String(100))
    service: Mapped[str] = mapped_column(String(8))
    agreement: Mapped[str | None] = mapped_column(String(40))
    pages: Mapped[int | None] = mapped_column()
    price_fen: Mapped[int] = mapped_column(Integer, default=0)
    days: Mapped[float] = mapped_column(Float)
    total_days: Mapped[float] = mapped_column(Float)
    at: Mapped[datetime] = mapped_column(UtcDateTime)


class NoticeRow(Base):
    """A notice, written in the transaction of the change it tells of. ``recipient``: patron, or a member's code.
    ``state``: queued, sent, kept (no address, or no mail server: shown on the page only), failed (``error`` says why).
    ``link_id``: the download link it carries, put in when it is sent."""

    __tablename__ = "delivery_notice"
    __table_args__ = (
        UniqueConstraint("history_id", "recipient"),
        Index("ix_delivery_notice_recipient_seen_at", "recipient", "seen_at"),
    )

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    number: Mapped[str] = mapped_column(ForeignKey("delivery_request.number"), index=True)
    history_id: Mapped[int] = mapped_column(Integer)
    recipient: Mapped[str] = mapped_column(String(100))
    address: Mapped[str] = mapped_column(String(300), default="")
    link_id: Mapped[str | None] = mapped_column(String(40))
    error: Mapped[str] = mapped_column(Text, default="")
    subject: Mapped[str] = mapped_column(Text)
    body: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(String(10))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    sent_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    seen_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class NoteRow(Base):
    """What librarians of one library write down for each other about a request; nobody else reads it."""

    __tablename__ = "delivery_note"

    id: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[str] = mapped_column(ForeignKey("delivery_request.number"), index=True)
    member: Mapped[str] = mapped_column(String(100))
    author: Mapped[str] = mapped_column(String(120))
    text: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime] = mapped_column(UtcDateTime)


class CopyRow(Base):
    """One copy in the copyright ledger. ``patron_key``: a keyed hash of the contact, the same at every member; it stays
    when the contact is erased, until the policy's period is over. A work is known by its ISBN and by title and author,
    a journal's issue by both with the issue added."""

    __tablename__ = "delivery_copy"
    __table_args__ = (Index("ix_delivery_copy_patron_key_at", "patron_key", "at"),)

    number: Mapped[str] = mapped_column(ForeignKey("delivery_request.number"), primary_key=True)
    patron_key: Mapped[str] = mapped_column(String(64))
    member: Mapped[str] = mapped_column(String(100))
    isbn_key: Mapped[str] = mapped_column(String(80), default="")
    title_key: Mapped[str] = mapped_column(String(64))
    pages: Mapped[int] = mapped_column(Integer)
    extent: Mapped[int | None] = mapped_column(Integer)
    state: Mapped[str] = mapped_column(String(10))
    at: Mapped[datetime] = mapped_column(UtcDateTime)


def _append_only(_mapper: Any, _connection: Any, target: HistoryRow) -> None:
    raise RuntimeError(f"history of {target.number} is append-only")


guard(HistoryRow.__table__)  # type: ignore[arg-type]
event.listen(HistoryRow, "before_update", _append_only)
event.listen(HistoryRow, "before_delete", _append_only)
