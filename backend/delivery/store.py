"""Delivery's SQL: guarded updates, append-only history, the queries behind routing, the board and the patron's view."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, func, or_, select, update
from sqlalchemy.orm import Session

from backend.delivery.lifecycle import OPEN_STATES, State
from backend.delivery.models import HistoryRow, NoticeRow, PatronRow, RequestRow, RotaRow, SupplyRow

WAITING_ON_SUPPLIER = (State.REQUESTED, State.WILL_SUPPLY, State.CANCEL_ASKED)
_OPEN = [state.value for state in sorted(OPEN_STATES)]


def request(session: Session, number: str) -> RequestRow | None:
    return session.get(RequestRow, number, populate_existing=True)


def by_idempotency_key(session: Session, owner: str, key: str) -> RequestRow | None:
    return session.scalar(select(RequestRow).where(RequestRow.owner == owner, RequestRow.idempotency_key == key))


def by_peer_request(session: Session, requester: str, peer_request_id: str) -> RequestRow | None:
    query = select(RequestRow).where(RequestRow.requester == requester, RequestRow.peer_request_id == peer_request_id)
    return session.scalars(query.order_by(RequestRow.created_at.desc())).first()


def change(session: Session, row: RequestRow, values: dict[str, Any]) -> bool:
    """The guarded UPDATE: only while state and version are still what ``row`` says. False: someone was faster."""
    changed = session.execute(
        update(RequestRow)
        .where(RequestRow.number == row.number, RequestRow.state == row.state, RequestRow.version == row.version)
        .values(version=row.version + 1, **values)
        .returning(RequestRow.number)
        .execution_options(synchronize_session=False)
    ).first()
    return changed is not None


def patron(session: Session, number: str) -> PatronRow | None:
    return session.get(PatronRow, number)


def erase_patron(session: Session, number: str, moment: datetime) -> bool:
    """Forget the name, the contact and what the patron wrote to the library, also in the notices; False when that was
    done before."""
    erased = session.execute(
        update(PatronRow)
        .where(PatronRow.number == number, PatronRow.erased_at.is_(None))
        .values(name="", contact="", contact_hash="", erased_at=moment)
        .returning(PatronRow.number)
    ).first()
    session.execute(
        update(NoticeRow)
        .where(NoticeRow.number == number, NoticeRow.recipient == "patron")
        .values(address="", body="", subject="", error="")
    )
    session.execute(
        update(RequestRow)
        .where(RequestRow.number == number)
        .values(note="")
        .execution_options(synchronize_session=False)
    )
    return erased is not None


def history(session: Session, number: str) -> list[HistoryRow]:
    return list(session.scalars(select(HistoryRow).where(HistoryRow.number == number).order_by(HistoryRow.id)))


def rota(session: Session, number: str) -> list[RotaRow]:
    """All places, round by round in their order, those left out last."""
    query = select(RotaRow).where(RotaRow.number == number)
    return list(session.scalars(query.order_by(RotaRow.round, RotaRow.position == 0, RotaRow.position, RotaRow.id)))


def next_place(session: Session, number: str, rota_round: int) -> RotaRow | None:
    query = select(RotaRow).where(
        RotaRow.number == number, RotaRow.round == rota_round, RotaRow.state == "waiting", RotaRow.position > 0
    )
    return session.scalars(query.order_by(RotaRow.position).limit(1)).first()


def place_of(session: Session, number: str, rota_round: int, supplier: str) -> RotaRow | None:
    return session.scalar(
        select(RotaRow).where(RotaRow.number == number, RotaRow.round == rota_round, RotaRow.supplier == supplier)
    )


def was_asked(session: Session, number: str, supplier: str) -> bool:
    """Has this library had the request before its eyes?"""
    query = select(RotaRow.id).where(
        RotaRow.number == number, RotaRow.supplier == supplier, RotaRow.asked_at.is_not(None)
    )
    return session.scalars(query.limit(1)).first() is not None


def open_count(session: Session, *, owner: str, contact_hash: str) -> int:
    """Open requests of this patron, by contact or by browser."""
    return len(_open_of(session, owner, contact_hash))


def open_duplicate(
    session: Session, *, owner: str, contact_hash: str, item_id: str | None, title: str, service: str, pages: str
) -> str | None:
    """The number of an open request of the same person for the same thing."""
    same = RequestRow.item_id == item_id if item_id else and_(RequestRow.item_id.is_(None), RequestRow.title == title)
    thing = (same, RequestRow.service == service, RequestRow.pages == pages)
    return min(_open_of(session, owner, contact_hash, *thing), default=None)


def _open_of(session: Session, owner: str, contact_hash: str, *wanted: ColumnElement[bool]) -> set[str]:
    """Numbers of a patron's open requests, by browser and by contact: each found by its own index."""
    still = (RequestRow.state.in_(_OPEN), *wanted)
    found: set[str] = set()
    if owner:
        found |= set(session.scalars(select(RequestRow.number).where(RequestRow.owner == owner, *still)))
    if contact_hash:
        theirs = select(RequestRow.number).join(PatronRow, PatronRow.number == RequestRow.number)
        found |= set(session.scalars(theirs.where(PatronRow.contact_hash == contact_hash, *still)))
    return found


def queues(session: Session, suppliers: Collection[str]) -> dict[str, int]:
    """How many requests each of them has before it."""
    query = (
        select(RequestRow.supplier, func.count())
        .where(RequestRow.supplier.in_(sorted(suppliers)), RequestRow.state.in_([s.value for s in WAITING_ON_SUPPLIER]))
        .group_by(RequestRow.supplier)
    )
    return {str(supplier): count for supplier, count in session.execute(query)}


def volume_since(session: Session, requester: str, since: datetime) -> dict[tuple[str, str], int]:
    """(supplier, service) → what counts against an agreement's monthly limit: supplies to ``requester`` since then,
    and requests that lie before the supplier now (it may supply them all)."""
    supplied = (
        select(SupplyRow.supplier, SupplyRow.service, func.count())
        .where(SupplyRow.requester == requester, SupplyRow.at >= since)
        .group_by(SupplyRow.supplier, SupplyRow.service)
    )
    pending = (
        select(RequestRow.supplier, RequestRow.service, func.count())
        .where(RequestRow.requester == requester, in_states(WAITING_ON_SUPPLIER))
        .group_by(RequestRow.supplier, RequestRow.service)
    )
    found: dict[tuple[str, str], int] = {}
    for query in (supplied, pending):
        for supplier, service, count in session.execute(query):
            pair = str(supplier), str(service)
            found[pair] = found.get(pair, 0) + count
    return found


def supply_totals(session: Session, since: datetime, members: Collection[str]) -> list[tuple[str, str, int]]:
    """(requester, supplier, supplies) since then that concern these members, own supplies left out."""
    names = sorted(members)
    query = (
        select(SupplyRow.requester, SupplyRow.supplier, func.count())
        .where(
            SupplyRow.at >= since,
            SupplyRow.requester != SupplyRow.supplier,
            or_(SupplyRow.supplier.in_(names), SupplyRow.requester.in_(names)),
        )
        .group_by(SupplyRow.requester, SupplyRow.supplier)
    )
    return [(requester, supplier, count) for requester, supplier, count in session.execute(query)]


def supply_days(
    session: Session, since: datetime, suppliers: Collection[str], *, limit: int = 1000
) -> list[tuple[str, float]]:
    """(supplier, days from asked to supplied) of these suppliers, newest first."""
    query = select(SupplyRow.supplier, SupplyRow.days).where(
        SupplyRow.at >= since, SupplyRow.supplier.in_(sorted(suppliers))
    )
    return [(supplier, days) for supplier, days in session.execute(query.order_by(SupplyRow.at.desc()).limit(limit))]


def supply(session: Session, number: str) -> SupplyRow | None:
    return session.get(SupplyRow, number)


def void_supply(session: Session, number: str) -> None:
    session.execute(delete(SupplyRow).where(SupplyRow.number == number))


def concerned(member: str) -> ColumnElement[bool]:
    """Requests that a member's staff may see: its own patrons', and those it was asked to supply."""
    asked = select(RotaRow.number).where(RotaRow.supplier == member, RotaRow.asked_at.is_not(None))
    return or_(RequestRow.requester == member, RequestRow.supplier == member, RequestRow.number.in_(asked))


def listed(
    session: Session, wanted: Sequence[ColumnElement[bool]], *, newest_first: bool = False, limit: int, offset: int
) -> list[RequestRow]:
    """Requests that satisfy every condition, those waiting longest first."""
    order = RequestRow.state_since.desc() if newest_first else RequestRow.state_since
    query = select(RequestRow).where(*wanted).order_by(order, RequestRow.number)
    return list(session.scalars(query.limit(limit).offset(offset)))


def count(session: Session, wanted: Sequence[ColumnElement[bool]]) -> int:
    return session.scalar(select(func.count()).select_from(RequestRow).where(*wanted)) or 0


def visible_to(member: str | None) -> list[ColumnElement[bool]]:
    """``member`` None: everything (the office)."""
    return [] if member is None else [concerned(member)]


def in_states(states: Collection[State]) -> ColumnElement[bool]:
    return RequestRow.state.in_([state.value for state in sorted(states)])


def waiting_for(member: str, *, as_supplier: Collection[State], as_requester: Collection[State]) -> ColumnElement[bool]:
    """Requests on which this library must act; for a supplier that is only written to, its reader's library does."""
    return or_(
        and_(RequestRow.supplier == member, in_states(as_supplier)),
        and_(RequestRow.requester == member, in_states(as_requester)),
        and_(RequestRow.requester == member, RequestRow.supplier.startswith("mail:"), in_states(as_supplier)),
    )


def standing_since(limits: Mapping[State, datetime]) -> ColumnElement[bool]:
    """Requests that entered their state before the moment given for it."""
    return or_(*(and_(RequestRow.state == state.value, RequestRow.state_since <= at) for state, at in limits.items()))


def matching(query: str) -> ColumnElement[bool]:
    """Number or title contains these characters, literally."""
    return or_(
        RequestRow.number.contains(query.upper(), autoescape=True), RequestRow.title.contains(query, autoescape=True)
    )


def of_visitor(session: Session, visitor_id: str, *, limit: int) -> list[RequestRow]:
    query = select(RequestRow).where(RequestRow.visitor_id == visitor_id)
    return list(session.scalars(query.order_by(RequestRow.created_at.desc(), RequestRow.number).limit(limit)))


def notice(session: Session, notice_id: str) -> NoticeRow | None:
    return session.get(NoticeRow, notice_id, populate_existing=True)


def settle_notice(session: Session, notice_id: str, state: str, moment: datetime, *, error: str = "") -> bool:
    """Mark a queued notice; False when it was settled before."""
    settled = session.execute(
        update(NoticeRow)
        .where(NoticeRow.id == notice_id, NoticeRow.state == "queued")
        .values(state=state, sent_at=moment if state == "sent" else None, error=error)
        .returning(NoticeRow.id)
    ).first()
    return settled is not None


def link_last_notice(session: Session, number: str, link_id: str) -> None:
    """The patron's newest notice carries this download link."""
    theirs = (NoticeRow.number == number, NoticeRow.recipient == "patron")
    newest = select(func.max(NoticeRow.history_id)).where(*theirs).scalar_subquery()
    session.execute(
        update(NoticeRow)
        .where(*theirs, NoticeRow.history_id == newest)
        .values(link_id=link_id)
        .execution_options(synchronize_session=False)
    )


def unseen_notices(session: Session, recipient: str, *, limit: int = 50) -> list[NoticeRow]:
    query = select(NoticeRow).where(NoticeRow.recipient == recipient, NoticeRow.seen_at.is_(None))
    return list(session.scalars(query.order_by(NoticeRow.created_at).limit(limit)))


def take_notices_of_visitor(session: Session, visitor_id: str, moment: datetime, *, limit: int = 50) -> list[NoticeRow]:
    """What the visitor has not been shown yet, oldest first; shown from now on."""
    theirs = select(RequestRow.number).where(RequestRow.visitor_id == visitor_id)
    query = select(NoticeRow).where(
        NoticeRow.recipient == "patron", NoticeRow.seen_at.is_(None), NoticeRow.number.in_(theirs), NoticeRow.body != ""
    )
    found = list(session.scalars(query.order_by(NoticeRow.created_at, NoticeRow.id).limit(limit)))
    mark_seen(session, "patron", [notice.id for notice in found], moment)
    return found


def mark_seen(session: Session, recipient: str, ids: Collection[str], moment: datetime) -> None:
    session.execute(
        update(NoticeRow)
        .where(NoticeRow.recipient == recipient, NoticeRow.id.in_(list(ids)), NoticeRow.seen_at.is_(None))
        .values(seen_at=moment)
    )


@dataclass(frozen=True, slots=True)
class Placed:
    """A placed request as the figures see it. ``days`` until it was supplied; None: it was not."""

    at: datetime
    requester: str
    service: str
    state: str
    days: float | None


def placed_between(session: Session, since: datetime, until: datetime, member: str | None) -> list[Placed]:
    """Requests placed in ``[since, until)``, of one requesting member or all."""
    query = (
        select(RequestRow.created_at, RequestRow.requester, RequestRow.service, RequestRow.state, SupplyRow.total_days)
        .outerjoin(SupplyRow, SupplyRow.number == RequestRow.number)
        .where(RequestRow.created_at >= since, RequestRow.created_at < until)
    )
    if member is not None:
        query = query.where(RequestRow.requester == member)
    return [Placed(*found) for found in session.execute(query)]


@dataclass(frozen=True, slots=True)
class Asked:
    """A library that stood in a request's rota. ``days`` until it supplied; None: it did not."""

    number: str
    at: datetime
    requester: str
    supplier: str
    state: str
    days: float | None


def asked_between(session: Session, since: datetime, until: datetime) -> list[Asked]:
    """The places of every rota of requests placed in ``[since, until)``, in their order of time."""
    query = (
        select(
            RequestRow.number, RequestRow.created_at, RequestRow.requester, RotaRow.supplier, RotaRow.state,
            SupplyRow.days,
        )
        .join(RotaRow, RotaRow.number == RequestRow.number)
        .outerjoin(SupplyRow, and_(SupplyRow.number == RotaRow.number, SupplyRow.supplier == RotaRow.supplier))
        .where(RequestRow.created_at >= since, RequestRow.created_at < until, RotaRow.position > 0)
        .order_by(RequestRow.created_at, RequestRow.number, RotaRow.round, RotaRow.position)
    )  # fmt: skip
    return [Asked(*found) for found in session.execute(query)]


def supplies_between(session: Session, since: datetime, until: datetime) -> list[SupplyRow]:
    query = select(SupplyRow).where(SupplyRow.at >= since, SupplyRow.at < until)
    return list(session.scalars(query.order_by(SupplyRow.at, SupplyRow.number)))


def supplies_of(session: Session, agreement: str, since: datetime, until: datetime) -> list[tuple[SupplyRow, str]]:
    """Supplies under one agreement, with what was supplied."""
    query = (
        select(SupplyRow, RequestRow.title)
        .join(RequestRow, RequestRow.number == SupplyRow.number)
        .where(SupplyRow.agreement == agreement, SupplyRow.at >= since, SupplyRow.at < until)
    )
    return [(supply, title) for supply, title in session.execute(query.order_by(SupplyRow.at, SupplyRow.number))]


def answers_between(session: Session, since: datetime, until: datetime) -> list[tuple[str, str, int]]:
    """(supplier, state of its place, how many) of the places asked in that time."""
    query = (
        select(RotaRow.supplier, RotaRow.state, func.count())
        .where(RotaRow.asked_at >= since, RotaRow.asked_at < until)
        .group_by(RotaRow.supplier, RotaRow.state)
    )
    return [(supplier, state, count) for supplier, state, count in session.execute(query)]
