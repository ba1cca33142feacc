"""Tables of the exchange with other systems: what was received (a replay changes nothing), what was sent."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index, Integer, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from backend.core.db import Base, UtcDateTime


class IllReceivedRow(Base):
    """A message that was acted on. ``sender_time`` is the peer's clock; older ones than the newest are stale."""

    __tablename__ = "delivery_ill_received"
    __table_args__ = (
        UniqueConstraint("peer", "digest"),
        Index("ix_delivery_ill_received_request", "peer", "request_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    peer: Mapped[str] = mapped_column(String(80))
    digest: Mapped[str] = mapped_column(String(64))
    kind: Mapped[str] = mapped_column(String(40))
    request_id: Mapped[str] = mapped_column(String(200))
    sender_time: Mapped[datetime] = mapped_column(UtcDateTime)
    received_at: Mapped[datetime] = mapped_column(UtcDateTime)


class IllSentRow(Base):
    """A change of a request that a peer has confirmed to have heard of."""

    __tablename__ = "delivery_ill_sent"

    history_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    peer: Mapped[str] = mapped_column(String(80), primary_key=True)
    sent_at: Mapped[datetime] = mapped_column(UtcDateTime)
