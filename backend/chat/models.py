"""Tables of conversations, turns and feedback. A conversation belongs to one visitor; nobody else reads it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from backend.core.db import Base, UtcDateTime


class Conversation(Base):
    """A visitor's talk with the service. ``busy_turn`` is the turn that is being answered, if any, and
    ``busy_since`` when the process that answers it last said so."""

    __tablename__ = "chat_conversation"

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    visitor_id: Mapped[str] = mapped_column(String(64), index=True)
    member: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)
    busy_turn: Mapped[str | None] = mapped_column(String(40))
    busy_since: Mapped[datetime | None] = mapped_column(UtcDateTime)


class Turn(Base):
    """One question and its answer (the contract's JSON).

    ``state``: running, stopping (somebody asked for it), then done, failed, stopped, or replaced by another answer.
    """

    __tablename__ = "chat_turn"
    __table_args__ = (
        UniqueConstraint("visitor_id", "idempotency_key"),
        Index("ix_chat_turn_conversation_id_created_at", "conversation_id", "created_at"),
    )

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    conversation_id: Mapped[str] = mapped_column(ForeignKey("chat_conversation.id", ondelete="CASCADE"))
    visitor_id: Mapped[str] = mapped_column(String(64))
    idempotency_key: Mapped[str | None] = mapped_column(String(128))
    question: Mapped[str] = mapped_column(Text)
    standalone_question: Mapped[str] = mapped_column(Text, default="")
    state: Mapped[str] = mapped_column(String(16))
    answer: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class Feedback(Base):
    """What the reader thought of a turn: the latest word counts."""

    __tablename__ = "chat_feedback"

    turn_id: Mapped[str] = mapped_column(ForeignKey("chat_turn.id", ondelete="CASCADE"), primary_key=True)
    helpful: Mapped[bool] = mapped_column()
    comment: Mapped[str] = mapped_column(Text, default="")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
