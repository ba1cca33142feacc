"""The enterprise branches' SQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import delete, exists, func, select, update
from sqlalchemy.orm import Session

from backend.core.accounts import Accounts
from backend.enterprise.models import (
    AccountRow,
    AlertRow,
    BranchRow,
    NetworkRow,
    SessionRow,
    TopicRow,
    WatchRow,
)
from backend.enterprise.values import Account, Alert, Branch, Topic, Watch

# branches and their accounts

_OPEN_BRANCH = exists().where(BranchRow.code == AccountRow.branch, BranchRow.active)
ACCOUNTS = Accounts(AccountRow, SessionRow, SessionRow.account_id, (_OPEN_BRANCH,))
"""An account is open while its branch is."""


def branches(session: Session) -> list[Branch]:
    networks: dict[str, list[str]] = {}
    for row in session.scalars(select(NetworkRow).order_by(NetworkRow.network)):
        networks.setdefault(row.branch, []).append(row.network)
    return [
        Branch(
            code=row.code, name=row.name, member=row.member, active=row.active,
            networks=tuple(networks.get(row.code, ())),
        )
        for row in session.scalars(select(BranchRow).order_by(BranchRow.code))
    ]  # fmt: skip


def branch_row(session: Session, code: str) -> BranchRow | None:
    return session.get(BranchRow, code)


def replace_networks(session: Session, branch: str, networks: Sequence[str]) -> None:
    session.execute(delete(NetworkRow).where(NetworkRow.branch == branch))
    session.add_all(NetworkRow(branch=branch, network=network) for network in networks)
    session.flush()


def account(row: AccountRow) -> Account:
    return Account(
        id=row.id, branch=row.branch, username=row.username, name=row.name, email=row.email, active=row.active
    )


def accounts(session: Session, branch: str | None) -> list[Account]:
    query = select(AccountRow).order_by(AccountRow.username)
    if branch is not None:
        query = query.where(AccountRow.branch == branch)
    return [account(row) for row in session.scalars(query)]


# topics, followed standards, alerts


def topic(row: TopicRow) -> Topic:
    return Topic(
        id=row.id, branch=row.branch, name=row.name, query=row.query, kinds=tuple(row.kinds),
        seen_revision=row.seen_revision,
    )  # fmt: skip


def topics(session: Session, branch: str | None = None) -> list[Topic]:
    query = select(TopicRow).order_by(TopicRow.created_at, TopicRow.id)
    if branch is not None:
        query = query.where(TopicRow.branch == branch)
    return [topic(row) for row in session.scalars(query)]


def topic_named(session: Session, branch: str, name: str) -> TopicRow | None:
    return session.scalars(select(TopicRow).where(TopicRow.branch == branch, TopicRow.name == name)).first()


def remove_topic(session: Session, branch: str, topic_id: str) -> bool:
    gone = session.execute(
        delete(TopicRow).where(TopicRow.id == topic_id, TopicRow.branch == branch).returning(TopicRow.id)
    )
    return gone.first() is not None


def advance_topic(session: Session, topic_id: str, *, seen: int, to: int) -> bool:
    """Move a topic's mark forward; False when another worker did so meanwhile."""
    moved = session.execute(
        update(TopicRow)
        .where(TopicRow.id == topic_id, TopicRow.seen_revision == seen)
        .values(seen_revision=to)
        .returning(TopicRow.id)
    )
    return moved.first() is not None


def watches(session: Session, branch: str | None = None) -> list[Watch]:
    query = select(WatchRow).order_by(WatchRow.number)
    if branch is not None:
        query = query.where(WatchRow.branch == branch)
    return [Watch(id=row.id, branch=row.branch, number=row.number, known=row.known) for row in session.scalars(query)]


def watch_row(session: Session, branch: str, number: str) -> WatchRow | None:
    return session.scalars(select(WatchRow).where(WatchRow.branch == branch, WatchRow.number == number)).first()


def remove_watch(session: Session, branch: str, watch_id: str) -> bool:
    gone = session.execute(
        delete(WatchRow).where(WatchRow.id == watch_id, WatchRow.branch == branch).returning(WatchRow.id)
    )
    return gone.first() is not None


def know_watch(session: Session, watch_id: str, known: Mapping[str, Any], *, day: date) -> None:
    session.execute(update(WatchRow).where(WatchRow.id == watch_id).values(known=dict(known), checked_on=day))


def has_alert(session: Session, source: str, fingerprint: str) -> bool:
    query = select(AlertRow.id).where(AlertRow.source == source, AlertRow.fingerprint == fingerprint)
    return session.scalars(query).first() is not None


def alerts(session: Session, branch: str, *, limit: int) -> list[Alert]:
    rows = session.scalars(
        select(AlertRow).where(AlertRow.branch == branch).order_by(AlertRow.created_at.desc(), AlertRow.id).limit(limit)
    )
    return [
        Alert(
            id=row.id, branch=row.branch, kind=row.kind, source=row.source, title=row.title, text=row.text,
            item_id=row.item_id, created_at=row.created_at, read=row.read_at is not None,
        )
        for row in rows
    ]  # fmt: skip


def unread(session: Session, branch: str) -> int:
    query = select(func.count()).select_from(AlertRow).where(AlertRow.branch == branch, AlertRow.read_at.is_(None))
    return session.scalar(query) or 0


def mark_read(session: Session, branch: str, moment: datetime) -> None:
    session.execute(
        update(AlertRow).where(AlertRow.branch == branch, AlertRow.read_at.is_(None)).values(read_at=moment)
    )
