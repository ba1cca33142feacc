"""The SQL of knowledge and canned answers."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import case, select, update
from sqlalchemy.orm import Session

from backend.desk.models import KnowledgeRow, PhraseRow
from backend.desk.values import KnowledgeEntry, KnowledgeState, Phrase


def entry(session: Session, entry_id: str) -> KnowledgeEntry | None:
    row = session.get(KnowledgeRow, entry_id, populate_existing=True)
    return entry_value(row) if row else None


def entries(session: Session, *, member: str | None) -> list[KnowledgeEntry]:
    query = select(KnowledgeRow)
    if member is not None:
        query = query.where(KnowledgeRow.member.in_(["", member]))
    drafts_first = case((KnowledgeRow.state == KnowledgeState.DRAFT.value, 0), else_=1)
    rows = session.scalars(query.order_by(drafts_first, KnowledgeRow.updated_at.desc(), KnowledgeRow.id).limit(500))
    return [entry_value(row) for row in rows]


def published(session: Session) -> list[KnowledgeEntry]:
    rows = session.scalars(select(KnowledgeRow).where(KnowledgeRow.state == KnowledgeState.PUBLISHED.value))
    return [entry_value(row) for row in rows]


def change(
    session: Session,
    entry_id: str,
    *,
    states: Iterable[KnowledgeState],
    seen: datetime | None = None,
    **values: Any,
) -> bool:
    """Change an entry in one of ``states`` (unchanged since ``seen``, when given); False when it is not."""
    guards = [KnowledgeRow.id == entry_id, KnowledgeRow.state.in_([state.value for state in states])]
    if seen is not None:
        guards.append(KnowledgeRow.updated_at == seen)
    done = session.execute(
        update(KnowledgeRow)
        .where(*guards)
        .values(**values)
        .returning(KnowledgeRow.id)
        .execution_options(synchronize_session=False)
    )
    return done.first() is not None


def phrases(session: Session, *, member: str | None) -> list[Phrase]:
    query = select(PhraseRow).order_by(PhraseRow.title, PhraseRow.id)
    if member is not None:
        query = query.where(PhraseRow.member.in_(["", member]))
    return [phrase_value(row) for row in session.scalars(query)]


def entry_value(row: KnowledgeRow) -> KnowledgeEntry:
    return KnowledgeEntry(
        id=row.id,
        ticket_id=row.ticket_id,
        member=row.member,
        question=row.question,
        answer=row.answer,
        state=KnowledgeState(row.state),
        author=row.author,
        reviewer=row.reviewer,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def phrase_value(row: PhraseRow) -> Phrase:
    return Phrase(id=row.id, member=row.member, title=row.title, text=row.text)
