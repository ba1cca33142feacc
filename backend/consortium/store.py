"""The consortium's SQL."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from backend.consortium.models import (
    AgreementRow,
    MemberRow,
    OriginRow,
    OutsideSupplierRow,
    PeerRow,
    StaffRow,
    StaffSessionRow,
)
from backend.consortium.values import Agreement, Member, OutsideSupplier, Peer, StaffAccount
from backend.core.access import Role
from backend.core.accounts import Accounts

STAFF = Accounts(StaffRow, StaffSessionRow, StaffSessionRow.staff_id)


def member_row(session: Session, code: str) -> MemberRow | None:
    return session.get(MemberRow, code)


def members(session: Session) -> list[Member]:
    """Every member, by code."""
    origins: dict[str, list[str]] = {}
    for row in session.scalars(select(OriginRow).order_by(OriginRow.id)):
        origins.setdefault(row.member, []).append(row.origin)
    rows = session.scalars(select(MemberRow).order_by(MemberRow.code))
    return [_member(row, origins.get(row.code, ())) for row in rows]


def member(session: Session, code: str) -> Member | None:
    row = session.get(MemberRow, code)
    if row is None:
        return None
    origins = session.scalars(select(OriginRow.origin).where(OriginRow.member == code).order_by(OriginRow.id))
    return _member(row, list(origins))


def replace_origins(session: Session, code: str, origins: Iterable[str]) -> None:
    session.execute(delete(OriginRow).where(OriginRow.member == code))
    session.add_all(OriginRow(member=code, origin=origin) for origin in dict.fromkeys(origins))
    session.flush()


def active_origins(session: Session) -> list[tuple[str, str]]:
    """(member, origin) of every active member."""
    query = select(OriginRow.member, OriginRow.origin).join(MemberRow).where(MemberRow.active)
    return [(code, origin) for code, origin in session.execute(query)]


def agreements(session: Session, *, requester: str | None = None) -> list[Agreement]:
    query = select(AgreementRow).order_by(AgreementRow.requester, AgreementRow.supplier, AgreementRow.service)
    if requester is not None:
        query = query.where(AgreementRow.requester == requester)
    return [_agreement(row) for row in session.scalars(query)]


def staff_accounts(session: Session) -> list[StaffAccount]:
    return [account(row) for row in session.scalars(select(StaffRow).order_by(StaffRow.username))]


def peers(session: Session) -> list[Peer]:
    return [_peer(row) for row in session.scalars(select(PeerRow).order_by(PeerRow.symbol))]


def outside_suppliers(session: Session) -> list[OutsideSupplier]:
    """All of them, by code."""
    rows = session.scalars(select(OutsideSupplierRow).order_by(OutsideSupplierRow.code))
    return [OutsideSupplier(code=row.code, name=row.name, email=row.email, active=row.active) for row in rows]


def peer_row(session: Session, symbol: str) -> PeerRow | None:
    return session.get(PeerRow, symbol)


def peer_by_token_hash(session: Session, token_hash: str) -> Peer | None:
    row = session.scalar(select(PeerRow).where(PeerRow.token_hash == token_hash, PeerRow.active))
    return _peer(row) if row else None


def peer(session: Session, symbol: str) -> Peer | None:
    row = session.get(PeerRow, symbol)
    return _peer(row) if row and row.active else None


def account(row: StaffRow) -> StaffAccount:
    return StaffAccount(
        id=row.id,
        username=row.username,
        name=row.name,
        role=Role(row.role),
        member=row.member,
        active=row.active,
    )


def _member(row: MemberRow, origins: Sequence[str]) -> Member:
    return Member(
        code=row.code,
        name=row.name,
        origins=tuple(origins),
        address=row.address,
        email=row.email,
        latitude=row.latitude,
        longitude=row.longitude,
        closed_days=tuple(row.closed_days),
        goal=row.goal,
        alias_of=row.alias_of,
        active=row.active,
    )


def _agreement(row: AgreementRow) -> Agreement:
    return Agreement(
        id=row.id,
        requester=row.requester,
        supplier=row.supplier,
        service="loan" if row.service == "loan" else "copy",
        price_fen=row.price_fen,
        page_price_fen=row.page_price_fen,
        max_pages=row.max_pages,
        max_per_month=row.max_per_month,
        valid_from=row.valid_from,
        valid_until=row.valid_until,
    )


def _peer(row: PeerRow) -> Peer:
    return Peer(
        symbol=row.symbol,
        url=row.url,
        name=row.name,
        version=row.version,
        outgoing_token=row.outgoing_token,
        active=row.active,
    )
