"""The SQL of the counter: notes, failed notices, a patron's requests."""

from __future__ import annotations

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from backend.delivery.models import NoteRow, NoticeRow, PatronRow, RequestRow


def notes(session: Session, number: str, member: str) -> list[NoteRow]:
    query = select(NoteRow).where(NoteRow.number == number, NoteRow.member == member)
    return list(session.scalars(query.order_by(NoteRow.id)))


def failed_notices(session: Session, member: str | None, *, limit: int = 50) -> list[NoticeRow]:
    """Of the member's patrons and of the member itself; ``None``: of everyone. Newest first."""
    query = select(NoticeRow).join(RequestRow, RequestRow.number == NoticeRow.number)
    query = query.where(NoticeRow.state == "failed")
    if member is not None:
        theirs = (NoticeRow.recipient == "patron") & (RequestRow.requester == member)
        query = query.where(or_(theirs, NoticeRow.recipient == member))
    return list(session.scalars(query.order_by(NoticeRow.created_at.desc(), NoticeRow.id).limit(limit)))


def requeue_notice(session: Session, notice_id: str) -> None:
    session.execute(
        update(NoticeRow)
        .where(NoticeRow.id == notice_id, NoticeRow.state == "failed")
        .values(state="queued", error="")
        .execution_options(synchronize_session=False)
    )


def of_contact(session: Session, contact_hash: str) -> list[RequestRow]:
    """Every request of the patron with this contact."""
    query = select(RequestRow).join(PatronRow, PatronRow.number == RequestRow.number)
    return list(session.scalars(query.where(PatronRow.contact_hash == contact_hash).order_by(RequestRow.number)))


def forget_browser(session: Session, number: str) -> None:
    """Which browser asked is forgotten too: nobody sees the request as theirs any more."""
    session.execute(
        update(RequestRow)
        .where(RequestRow.number == number)
        .values(visitor_id=None, owner="erased")
        .execution_options(synchronize_session=False)
    )
