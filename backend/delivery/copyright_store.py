"""The SQL of the copyright ledger."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Select, and_, delete, or_, select
from sqlalchemy.orm import Session

from backend.delivery.lifecycle import OPEN_STATES
from backend.delivery.models import CopyRow, RequestRow
from backend.delivery.works import Work

_OPEN = [state.value for state in sorted(OPEN_STATES)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Before:
    """What the patron has had of the work, or has asked for: pages and copies."""

    pages: int = 0
    copies: int = 0


def entry(session: Session, number: str) -> CopyRow | None:
    return session.get(CopyRow, number)


def copied(
    session: Session, work: Work, *, patron_key: str, owner: str, since: datetime, leave_out: str = ""
) -> Before:
    """Sums over all members: supplied copies since then and open requests, of the same person and work. The person is
    looked for by contact and by browser, each by its own index."""
    persons = [(CopyRow.patron_key, patron_key), (RequestRow.owner, owner)]
    found: dict[str, int] = {}
    for column, value in persons:
        if value:
            for number, pages in session.execute(_copies(work, since).where(column == value)):
                found[number] = pages
    found.pop(leave_out, None)
    return Before(pages=sum(found.values()), copies=len(found))


def _copies(work: Work, since: datetime) -> Select[str, int]:
    """(number, pages) of the copies of this work that count."""
    same_work: ColumnElement[bool] = CopyRow.title_key == work.title
    if work.isbn:
        same_work = or_(same_work, CopyRow.isbn_key == work.isbn)
    counts = or_(
        and_(CopyRow.state == "supplied", CopyRow.at >= since),
        and_(CopyRow.state == "asked", RequestRow.state.in_(_OPEN)),
    )
    query = select(CopyRow.number, CopyRow.pages).join(RequestRow, RequestRow.number == CopyRow.number)
    return query.where(same_work, counts)


def forget(session: Session, before: datetime) -> int:
    """Delete entries of copies made before then; how many they were."""
    gone = session.execute(
        delete(CopyRow)
        .where(CopyRow.at < before)
        .returning(CopyRow.number)
        .execution_options(synchronize_session=False)
    )
    return len(gone.all())
