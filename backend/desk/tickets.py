"""A ticket's life: opened by chat, taken by one librarian, answered, closed. Each change returns what to publish.

The functions work in the caller's transaction; the returned notices go to ``core.events`` after it is committed.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from backend.core.access import Staff
from backend.core.db import now
from backend.core.errors import Conflict, InputError, NotFound
from backend.core.ids import new_id
from backend.desk import store
from backend.desk.models import TicketRow
from backend.desk.values import Line, Notice, Ticket, TicketState

MAX_TEXT = 4_000
MAX_NOTE = 1_000
LIVE = (TicketState.WAITING, TicketState.OPEN)
BOARD = "desk:tickets"
"""The stream to which every librarian's page listens."""


def conversation_stream(conversation_id: str) -> str:
    """The stream that the reader's page follows."""
    return f"conversation:{conversation_id}"


def clean_text(text: str, *, limit: int = MAX_TEXT, empty: str = "请输入内容。") -> str:
    """The text without control characters; line breaks stay.

    :raises InputError: when nothing is left or it is longer than ``limit`` characters.
    """
    if len(text) > limit:
        raise InputError(f"内容太长：最多 {limit} 个字符。", detail={"limit": limit, "length": len(text)})
    unified = text.replace("\r\n", "\n").replace("\r", "\n")
    kept = "".join(c for c in unified if c in "\n\t" or unicodedata.category(c) not in ("Cc", "Cs")).strip()
    if not kept:
        raise InputError(empty)
    return kept


def open_ticket(
    session: Session,
    *,
    conversation_id: str,
    visitor_id: str,
    member: str,
    transcript: Sequence[Line],
    note: str = "",
    contact: str = "",
    moment: datetime | None = None,
) -> tuple[Ticket, list[Notice]]:
    """The live ticket of this conversation: the one there is, or a new one with its own copy of the transcript."""
    existing = store.live_ticket(session, conversation_id)
    if existing is not None:
        return _value(session, existing), []
    at = moment or now()
    note = clean_text(note, limit=MAX_NOTE) if note.strip() else ""
    row = TicketRow(
        id=new_id("k_"),
        conversation_id=conversation_id,
        live_key=conversation_id,
        visitor_id=visitor_id,
        member=member,
        state=TicketState.WAITING.value,
        subject=_subject(transcript, note),
        note=note,
        contact=contact.strip()[:200],
        staff_name="",
        created_at=at,
        updated_at=at,
    )
    if not store.insert_ticket(session, row):
        winner = store.live_ticket(session, conversation_id)
        if winner is None:
            raise Conflict("这次对话的转接状态刚刚改变，请重试。")
        return _value(session, winner), []
    spoken = [*transcript, Line(author="reader", text=note, at=at)] if note else transcript
    for line in spoken:
        store.add_line(session, row.id, line)
    return _value(session, row), [_board(row.id, "opened")]


def _subject(transcript: Sequence[Line], note: str) -> str:
    asked = [line.text for line in transcript if line.author == "reader"]
    text = " ".join((note or (asked[-1] if asked else "读者请求馆员帮助")).split())
    return text if len(text) <= 100 else text[:99] + "…"


def reader_says(
    session: Session, conversation_id: str, text: str, *, send_key: str | None = None
) -> tuple[Line, list[Notice]] | None:
    """Add what the reader writes to the live ticket; None when there is none."""
    row = store.live_ticket(session, conversation_id)
    if row is None:
        return None
    moment = now()
    text = clean_text(text)
    if not store.change_ticket(session, row.id, states=LIVE, updated_at=moment):
        return None
    line = store.add_line(session, row.id, Line(author="reader", text=text, at=moment), send_key=send_key)
    if line is None:
        return None
    return line, [_board(row.id, "reader"), _said(row.conversation_id, line)]


def visible_ticket(session: Session, ticket_id: str, staff: Staff, staffed: Iterable[str]) -> Ticket:
    """The ticket with its transcript.

    :raises NotFound: when there is none that this librarian may see.
    """
    row = store.ticket_row(session, ticket_id)
    foreign = row is not None and staff.member not in (None, row.member) and row.member in set(staffed)
    if row is None or foreign:
        raise NotFound("没有这份咨询。")
    return _value(session, row)


def take(session: Session, ticket: Ticket, staff: Staff) -> list[Notice]:
    """Make the librarian the one who answers.

    :raises Conflict: when a colleague was quicker, or it is closed.
    """
    taken = store.change_ticket(
        session,
        ticket.id,
        states=[TicketState.WAITING],
        state=TicketState.OPEN.value,
        staff_id=staff.id,
        staff_name=staff.name,
        updated_at=now(),
    )
    if not taken:
        raise Conflict("这份咨询已被同事接手或已办结。", detail={"ticket": ticket.id})
    return [_board(ticket.id, "taken"), *_state_notice(ticket.conversation_id, TicketState.OPEN, librarian=staff.name)]


def release(session: Session, ticket: Ticket, staff: Staff) -> list[Notice]:
    """Put it back into the queue at its old place."""
    released = store.change_ticket(
        session,
        ticket.id,
        states=[TicketState.OPEN],
        held_by=staff.id,
        state=TicketState.WAITING.value,
        staff_id=None,
        staff_name="",
        updated_at=now(),
    )
    if not released:
        raise Conflict("只有正在处理的馆员可以放回。")
    return [_board(ticket.id, "released"), *_state_notice(ticket.conversation_id, TicketState.WAITING)]


def reply(
    session: Session, ticket: Ticket, staff: Staff, text: str, *, send_key: str | None = None
) -> tuple[Line | None, list[Notice]]:
    """Answer the reader; a waiting ticket is taken by answering. The line is None when ``send_key`` spoke before.

    :raises Conflict: when a colleague has it, or it is closed.
    """
    text = clean_text(text)
    notices: list[Notice] = []
    moment = now()
    if ticket.state is TicketState.WAITING:
        notices += take(session, ticket, staff)
    if not store.change_ticket(session, ticket.id, states=[TicketState.OPEN], held_by=staff.id, updated_at=moment):
        raise Conflict("这份咨询由同事处理或已办结，回复未发送。", detail={"ticket": ticket.id})
    row = store.ticket_row(session, ticket.id)
    if row is not None and row.answered_at is None:
        row.answered_at = moment
    said = Line(author="librarian", name=staff.name, text=text, at=moment)
    line = store.add_line(session, ticket.id, said, send_key=send_key)
    if line is None:
        return None, notices
    return line, [*notices, _board(ticket.id, "reply"), _said(ticket.conversation_id, line)]


def close(session: Session, ticket: Ticket, staff: Staff) -> list[Notice]:
    """End it; the reader may open another one later.

    :raises Conflict: when a colleague has it, or it is closed.
    """
    moment = now()
    values = {
        "state": TicketState.CLOSED.value,
        "live_key": None,
        "closed_at": moment,
        "updated_at": moment,
        "staff_id": staff.id,
        "staff_name": staff.name,
    }
    mine = ticket.staff_id == staff.id and ticket.state is TicketState.OPEN
    guard = staff.id if mine else None
    states = [TicketState.OPEN] if mine else [TicketState.WAITING]
    if not store.change_ticket(session, ticket.id, states=states, held_by=guard, **values):
        raise Conflict("这份咨询由同事处理或已办结。", detail={"ticket": ticket.id})
    said = Line(author="system", text="咨询已办结。如还有问题，可以再次请馆员帮助。", at=moment)
    line = store.add_line(session, ticket.id, said)
    notices = [_board(ticket.id, "closed"), *_state_notice(ticket.conversation_id, TicketState.CLOSED)]
    return [*notices, _said(ticket.conversation_id, line)] if line else notices


def median_wait(session: Session, *, member: str | None, days: int = 30) -> float | None:
    """Median seconds until a librarian's first word over the last ``days``; None when there was none."""
    waits = sorted(store.waits_seconds(session, member=member, since=now() - timedelta(days=days)))
    if not waits:
        return None
    middle = len(waits) // 2
    return waits[middle] if len(waits) % 2 else (waits[middle - 1] + waits[middle]) / 2


def _value(session: Session, row: TicketRow) -> Ticket:
    return store.ticket_value(row, store.lines(session, row.id))


def _said(conversation_id: str, line: Line) -> Notice:
    return Notice(stream=conversation_stream(conversation_id), name="message", payload=line.to_json())


def _state_notice(conversation_id: str, state: TicketState, *, librarian: str | None = None) -> list[Notice]:
    payload = {"state": state.value} | ({"librarian": librarian} if librarian else {})
    return [Notice(stream=conversation_stream(conversation_id), name="handoff", payload=payload)]


def _board(ticket_id: str, what: str) -> Notice:
    return Notice(stream=BOARD, name="ticket", payload={"id": ticket_id, "what": what})
