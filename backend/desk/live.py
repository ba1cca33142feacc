"""The desk as chat sees it: hand a conversation over, pass on what the reader writes, tell how it stands."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy.orm import Session

from backend.core.access import Caller
from backend.core.db import Database, now
from backend.core.errors import Unauthenticated
from backend.core.events import EventBus
from backend.desk import store, tickets
from backend.desk.values import Line, Notice, TicketState

Staffed = Callable[[Session], frozenset[str]]
"""The members that have librarians of their own; tickets of all others wait in the common queue."""


class Spoken(Protocol):
    """A line of the conversation as chat keeps it; ``at`` is an ISO 8601 moment."""

    @property
    def author(self) -> str: ...
    @property
    def text(self) -> str: ...
    @property
    def at(self) -> str: ...


def publish(bus: EventBus, notices: Iterable[Notice]) -> None:
    """Tell the pages, after the transaction that made the notices is committed."""
    for notice in notices:
        bus.append(notice.stream, notice.name, notice.payload)


class LiveDesk:
    """Implements the port ``Desk`` of ``backend.chat.handoff``."""

    def __init__(self, database: Database, bus: EventBus, *, staffed: Staffed) -> None:
        self._database = database
        self._bus = bus
        self._staffed = staffed

    def open_ticket(
        self,
        *,
        conversation_id: str,
        caller: Caller,
        transcript: Sequence[Spoken],
        note: str = "",
        contact: str = "",
    ) -> Mapping[str, Any]:
        """The conversation's live ticket, made when there is none; ``{"state", "ticket_id", "position"?, …}``.

        :raises Unauthenticated: for a caller without a visitor token.
        """
        if caller.visitor is None:
            raise Unauthenticated("请先取得访客令牌，再转接馆员。")
        with self._database.begin() as session:
            _, notices = tickets.open_ticket(
                session,
                conversation_id=conversation_id,
                visitor_id=caller.visitor.id,
                member=caller.visitor.member,
                transcript=[Line(author=said.author, text=said.text, at=_moment(said.at)) for said in transcript],
                note=note,
                contact=contact,
            )
        publish(self._bus, notices)
        found = self.state(conversation_id)
        return found if found is not None else {"state": TicketState.CLOSED.value}

    def state(self, conversation_id: str) -> Mapping[str, Any] | None:
        """How the latest ticket stands, when it was opened and what was said since; None when there never was one."""
        with self._database.read() as session:
            row = store.latest_ticket(session, conversation_id)
            if row is None:
                return None
            said = [line for line in store.lines(session, row.id) if line.at >= row.created_at]
            answer: dict[str, Any] = {
                "state": row.state,
                "ticket_id": row.id,
                "opened_at": row.created_at.isoformat(),
                "messages": [line.to_json() for line in said],
            }
            if row.staff_name:
                answer["librarian"] = row.staff_name
            if row.state == TicketState.WAITING:
                answer["position"] = store.waiting_before(session, row, self._staffed(session)) + 1
            return answer

    def reader_message(self, *, conversation_id: str, caller: Caller, text: str) -> Mapping[str, Any] | None:
        """Add what the reader writes to the live ticket; None when there is none."""
        with self._database.begin() as session:
            said = tickets.reader_says(session, conversation_id, text)
        if said is None:
            return None
        line, notices = said
        publish(self._bus, notices)
        return line.to_json()


def _moment(text: str) -> datetime:
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        return now()
    return parsed if parsed.tzinfo else now()
