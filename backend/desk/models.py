"""Tables of the reference desk: escalated conversations, their transcripts, and what was learnt from them."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, Integer, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from backend.core.db import Base, UtcDateTime


class TicketRow(Base):
    """An escalated conversation. ``live_key`` is the conversation's id while the ticket is not closed, else NULL, so
    that a conversation has at most one live ticket. ``contact`` is for answering after the reader has left."""

    __tablename__ = "desk_ticket"
    __table_args__ = (Index("ix_desk_ticket_state_created_at", "state", "created_at"),)

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    conversation_id: Mapped[str] = mapped_column(String(64), index=True)
    live_key: Mapped[str | None] = mapped_column(String(64), unique=True)
    visitor_id: Mapped[str] = mapped_column(String(64))
    member: Mapped[str] = mapped_column(String(40))
    state: Mapped[str] = mapped_column(String(16))
    subject: Mapped[str] = mapped_column(String(200))
    note: Mapped[str] = mapped_column(Text, default="")
    contact: Mapped[str] = mapped_column(String(200), default="")
    staff_id: Mapped[str | None] = mapped_column(String(40))
    staff_name: Mapped[str] = mapped_column(String(120), default="")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)
    answered_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    closed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class TicketMessageRow(Base):
    """One line of a ticket's own transcript. ``send_key`` keeps a form sent twice from speaking twice."""

    __tablename__ = "desk_message"
    __table_args__ = (UniqueConstraint("ticket_id", "number"), UniqueConstraint("ticket_id", "send_key"))

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    ticket_id: Mapped[str] = mapped_column(ForeignKey("desk_ticket.id", ondelete="CASCADE"))
    number: Mapped[int] = mapped_column(Integer)
    author: Mapped[str] = mapped_column(String(16))
    name: Mapped[str] = mapped_column(String(120), default="")
    text: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    send_key: Mapped[str | None] = mapped_column(String(64))


class KnowledgeRow(Base):
    """A question and a reviewed answer, written from a ticket or from scratch. ``member`` '' : for all members."""

    __tablename__ = "desk_knowledge"

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    ticket_id: Mapped[str | None] = mapped_column(ForeignKey("desk_ticket.id", ondelete="SET NULL"))
    member: Mapped[str] = mapped_column(String(40), default="")
    question: Mapped[str] = mapped_column(String(300))
    answer: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(String(16), index=True)
    author: Mapped[str] = mapped_column(String(80))
    reviewer: Mapped[str] = mapped_column(String(80), default="")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)


class PhraseRow(Base):
    """A canned answer of one member ('' : of all)."""

    __tablename__ = "desk_phrase"

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    member: Mapped[str] = mapped_column(String(40), default="", index=True)
    title: Mapped[str] = mapped_column(String(100))
    text: Mapped[str] = mapped_column(Text)
