"""The SQL of the copyright ledger."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import Session

from backend.delivery.models import PatronRow, RequestRow, SupplyRow


def pages_supplied(session: Session, row: RequestRow, *, since: datetime) -> int:
    """Pages of the same work that the same person was supplied since then, this request left out."""
    same_work: ColumnElement[bool] = (
        RequestRow.item_id == row.item_id if row.item_id is not None else RequestRow.title == row.title
    )
    same_person: ColumnElement[bool] = RequestRow.owner == row.owner
    hashed = session.scalar(select(PatronRow.contact_hash).where(PatronRow.number == row.number))
    if hashed:
        same_person = or_(same_person, PatronRow.contact_hash == hashed)
    query = (
        select(func.coalesce(func.sum(SupplyRow.pages), 0))
        .join(RequestRow, RequestRow.number == SupplyRow.number)
        .outerjoin(PatronRow, PatronRow.number == SupplyRow.number)
        .where(same_work, same_person, SupplyRow.service == "copy", SupplyRow.at >= since)
        .where(SupplyRow.number != row.number)
    )
    return int(session.scalar(query) or 0)
