"""The one crossing from chat into delivery and the librarians' desk: ports, wired in the composition root.

A ticket keeps its own copy of the transcript. What a librarian writes reaches the reader as events of the stream
``conversation:{id}`` and through :meth:`Desk.state`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from backend.core.access import Caller


@dataclass(frozen=True, slots=True, kw_only=True)
class TranscriptLine:
    """``author`` is ``reader`` or ``assistant``; ``at`` an ISO 8601 moment."""

    author: str
    text: str
    at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestStatus:
    """What a reader may hear about a request: words only, no patron data."""

    number: str
    title: str
    state: str
    state_label: str
    next_step: str = ""
    supplier: str = ""
    updated_at: str = ""


class RequestDesk(Protocol):
    """What chat asks of delivery."""

    def status(self, number: str, *, caller: Caller) -> RequestStatus | None:
        """The request of that number, or None when there is none that this caller placed."""

    def recent(self, *, caller: Caller, limit: int) -> Sequence[RequestStatus]:
        """The caller's own requests, newest first."""


class Desk(Protocol):
    """What chat asks of the librarians' desk."""

    def open_ticket(
        self,
        *,
        conversation_id: str,
        caller: Caller,
        transcript: Sequence[TranscriptLine],
        note: str = "",
        contact: str = "",
    ) -> Mapping[str, Any]:
        """A ticket for this conversation, or its open one; → ``{"state", "ticket_id"?, "position"?, …}``."""

    def state(self, conversation_id: str) -> Mapping[str, Any] | None:
        """``{"state", "opened_at", "position"?, "librarian"?, "messages": [{"id","author","name","text","at"}]}``."""

    def reader_message(self, *, conversation_id: str, caller: Caller, text: str) -> Mapping[str, Any] | None:
        """Add what the reader writes to the open ticket; None when there is none."""


class NoRequests:
    """Where delivery is not installed: nobody has a request."""

    def status(self, number: str, *, caller: Caller) -> RequestStatus | None:
        return None

    def recent(self, *, caller: Caller, limit: int) -> Sequence[RequestStatus]:
        return ()


class NoDesk:
    """Where no librarians' desk is installed (``lianwen ask``): a handoff is not possible."""

    def open_ticket(
        self,
        *,
        conversation_id: str,
        caller: Caller,
        transcript: Sequence[TranscriptLine],
        note: str = "",
        contact: str = "",
    ) -> Mapping[str, Any]:
        return {"state": "unavailable"}

    def state(self, conversation_id: str) -> Mapping[str, Any] | None:
        return None

    def reader_message(self, *, conversation_id: str, caller: Caller, text: str) -> Mapping[str, Any] | None:
        return None
