"""The desk's SQL. Every change of a ticket's state is a guarded UPDATE that tells whether it happened."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, func, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from backend.core.ids import new_id
from backend.desk.models import TicketMessageRow, TicketRow
from backend.desk.values import Line, Ticket, TicketState

LIVE = (TicketState.WAITING.value, TicketState.OPEN.value)


def insert_ticket(session: Session, row: TicketRow) -> bool:
    """Add a ticket; False when the conversation has a live one already."""
    try:
        with session.begin_nested():
            session.add(row)
    except IntegrityError:
        return False
    return True


def ticket_row(session: Session, ticket_id: str) -> TicketRow | None:
    return session.get(TicketRow, ticket_id, populate_existing=True)


def live_ticket(session: Session, conversation_id: str) -> TicketRow | None:
    return session.scalars(select(TicketRow).where(TicketRow.live_key == conversation_id)).first()


def latest_ticket(session: Session, conversation_id: str) -> TicketRow | None:
    return session.scalars(
        select(TicketRow)
        .where(TicketRow.conversation_id == conversation_id)
        .order_by(TicketRow.created_at.desc(), TicketRow.id.desc())
        .limit(1)
    ).first()


def change_ticket(
    session: Session, ticket_id: str, *, states: Iterable[TicketState], held_by: str | None = None, **values: Any
) -> bool:
    """Change a ticket in one of ``states`` (and with the librarian ``held_by``, when given); False when it is not."""
    guards: list[ColumnElement[bool]] = [
        TicketRow.id == ticket_id,
        TicketRow.state.in_([state.value for state in states]),
    ]
    if held_by is not None:
        guards.append(TicketRow.staff_id == held_by)
    done = session.execute(
        update(TicketRow)
        .where(*guards)
        .values(**values)
        .returning(TicketRow.id)
        .execution_options(synchronize_session=False)
    )
    return done.first() is not None


def _visible(member: str | None, staffed: Iterable[str]) -> ColumnElement[bool]:
    """A librarian sees their own member's tickets and those of members without librarians; the office sees all."""
    if member is None:
        return TicketRow.id.is_not(None)
    return or_(TicketRow.member == member, TicketRow.member.not_in(sorted(staffed)))


def tickets(
    session: Session,
    *,
    member: str | None,
    staffed: Iterable[str],
    states: Iterable[TicketState],
    limit: int,
    offset: int = 0,
) -> list[Ticket]:
    """Tickets in these states: live ones oldest first, closed ones newest first."""
    wanted = [state.value for state in states]
    order = TicketRow.created_at.asc() if TicketState.CLOSED.value not in wanted else TicketRow.updated_at.desc()
    rows = session.scalars(
        select(TicketRow)
        .where(_visible(member, staffed), TicketRow.state.in_(wanted))
        .order_by(order, TicketRow.id)
        .limit(limit)
        .offset(offset)
    )
    return [ticket_value(row) for row in rows]


def count_by_state(session: Session, *, member: str | None, staffed: Iterable[str]) -> dict[TicketState, int]:
    rows = session.execute(
        select(TicketRow.state, func.count()).where(_visible(member, staffed)).group_by(TicketRow.state)
    )
    return {TicketState(state): count for state, count in rows}


def waiting_before(session: Session, row: TicketRow, staffed: Iterable[str]) -> int:
    """How many wait in front of this ticket in the queue it stands in (its member's, or the common one)."""
    covered = sorted(staffed)
    same = TicketRow.member == row.member if row.member in covered else TicketRow.member.not_in(covered)
    earlier = or_(
        TicketRow.created_at < row.created_at, and_(TicketRow.created_at == row.created_at, TicketRow.id < row.id)
    )
    return (
        session.scalar(
            select(func.count())
            .select_from(TicketRow)
            .where(same, TicketRow.state == TicketState.WAITING.value, earlier)
        )
        or 0
    )


def add_line(session: Session, ticket_id: str, line: Line, *, send_key: str | None = None) -> Line | None:
    """Append to the transcript; None when this ``send_key`` has spoken already.

    The ticket's row must be locked by an UPDATE of the same transaction, so that numbers do not collide.
    """
    if send_key is not None:
        spoken = select(TicketMessageRow.id).where(
            TicketMessageRow.ticket_id == ticket_id, TicketMessageRow.send_key == send_key
        )
        if session.scalar(spoken) is not None:
            return None
    last = session.scalar(select(func.max(TicketMessageRow.number)).where(TicketMessageRow.ticket_id == ticket_id))
    row = TicketMessageRow(
        id=new_id("m_"),
        ticket_id=ticket_id,
        number=(last or 0) + 1,
        author=line.author,
        name=line.name,
        text=line.text,
        at=line.at,
        send_key=send_key,
    )
    session.add(row)
    session.flush()
    return line_value(row)


def lines(session: Session, ticket_id: str) -> list[Line]:
    rows = session.scalars(
        select(TicketMessageRow).where(TicketMessageRow.ticket_id == ticket_id).order_by(TicketMessageRow.number)
    )
    return [line_value(row) for row in rows]


def line_value(row: TicketMessageRow) -> Line:
    return Line(id=row.id, author=row.author, name=row.name, text=row.text, at=row.at)


def ticket_value(row: TicketRow, transcript: Sequence[Line] = ()) -> Ticket:
    return Ticket(
        id=row.id,
        conversation_id=row.conversation_id,
        visitor_id=row.visitor_id,
        member=row.member,
        state=TicketState(row.state),
        subject=row.subject,
        note=row.note,
        contact=row.contact,
        staff_id=row.staff_id,
        staff_name=row.staff_name,
        created_at=row.created_at,
        updated_at=row.updated_at,
        closed_at=row.closed_at,
        lines=tuple(transcript),
    )


def waits_seconds(session: Session, *, member: str | None, since: datetime) -> list[float]:
    """Seconds from opening to the first librarian's word, of the tickets opened since then that got one."""
    guards = [TicketRow.created_at >= since, TicketRow.answered_at.is_not(None)]
    if member is not None:
        guards.append(TicketRow.member == member)
    rows = session.execute(select(TicketRow.created_at, TicketRow.answered_at).where(*guards))
    return [(answered - created).total_seconds() for created, answered in rows if answered is not None]
