"""The frozen values of the desk."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any


class TicketState(StrEnum):
    """``waiting`` for a librarian, ``open`` with one, ``closed``."""

    WAITING = "waiting"
    OPEN = "open"
    CLOSED = "closed"


TICKET_LABELS = {TicketState.WAITING: "待接", TicketState.OPEN: "处理中", TicketState.CLOSED: "已办结"}
TICKET_TONES = {TicketState.WAITING: "warn", TicketState.OPEN: "info", TicketState.CLOSED: "good"}

AUTHORS = {"reader": "读者", "assistant": "自动应答", "librarian": "馆员", "system": "系统"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One utterance of a transcript."""

    author: str
    text: str
    at: datetime
    name: str = ""
    id: str = ""

    def to_json(self) -> dict[str, Any]:
        """The form in which the reader's page gets it. What the machine said counts as the system's there."""
        return {
            "id": self.id, "author": self.author, "name": self.name, "text": self.text, "at": self.at.isoformat()
        }  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """An escalated conversation with its transcript (empty in lists)."""

    id: str
    conversation_id: str
    visitor_id: str
    member: str
    state: TicketState
    subject: str
    note: str
    contact: str
    staff_id: str | None
    staff_name: str
    created_at: datetime
    updated_at: datetime
    closed_at: datetime | None = None
    lines: tuple[Line, ...] = ()

    @property
    def label(self) -> str:
        return TICKET_LABELS[self.state]

    @property
    def tone(self) -> str:
        return TICKET_TONES[self.state]


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """An event to publish once the transaction is committed: ``stream`` of the bus, event name, payload."""

    stream: str
    name: str
    payload: Mapping[str, Any]


class KnowledgeState(StrEnum):
    """A draft waits for a second pair of eyes; only what is published is found by readers."""

    DRAFT = "draft"
    PUBLISHED = "published"
    RETIRED = "retired"


KNOWLEDGE_LABELS = {
    KnowledgeState.DRAFT: "待审核",
    KnowledgeState.PUBLISHED: "已发布",
    KnowledgeState.RETIRED: "已撤下",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class KnowledgeEntry:
    """A question and its answer. ``member`` '' : for all members."""

    id: str
    ticket_id: str | None
    member: str
    question: str
    answer: str
    state: KnowledgeState
    author: str
    reviewer: str
    created_at: datetime
    updated_at: datetime

    @property
    def label(self) -> str:
        return KNOWLEDGE_LABELS[self.state]


@dataclass(frozen=True, slots=True, kw_only=True)
class Phrase:
    """A canned answer."""

    id: str
    member: str
    title: str
    text: str
