"""Answers that become knowledge: written by one librarian, reviewed by another, then found by readers; canned phrases.

Publishing goes through the port :class:`KnowledgeSink`, which the composition root wires to the catalogue and index.
"""

from __future__ import annotations

from typing import Protocol

from sqlalchemy.orm import Session

from backend.core.access import Staff
from backend.core.db import now
from backend.core.errors import Conflict, Forbidden, NotFound
from backend.core.ids import new_id
from backend.desk import knowledge_store as store
from backend.desk.models import KnowledgeRow, PhraseRow
from backend.desk.tickets import clean_text
from backend.desk.values import KnowledgeEntry, KnowledgeState, Phrase

MAX_QUESTION = 300


class KnowledgeSink(Protocol):
    """Where published answers go to be searched. Both must be safe to repeat, and must not write to this database
    inside the call (the caller's transaction is over when they are called)."""

    def publish(self, entry: KnowledgeEntry) -> None: ...

    def withdraw(self, entry_id: str) -> None: ...


def write(
    session: Session,
    staff: Staff,
    *,
    question: str,
    answer: str,
    ticket_id: str | None = None,
    common: bool = False,
    entry_id: str | None = None,
) -> KnowledgeEntry:
    """Write a draft, or change an entry (which makes it a draft again). ``common``: for all members, not only theirs.

    :raises NotFound: for an ``entry_id`` that this librarian may not change.
    """
    question = " ".join(clean_text(question, limit=MAX_QUESTION, empty="请填写问题。").split())
    answer = clean_text(answer, empty="请填写答案。")
    member = "" if common or staff.member is None else staff.member
    if entry_id is not None:
        entry = visible_entry(session, entry_id, staff)
        store.change(
            session,
            entry.id,
            states=tuple(KnowledgeState),
            question=question,
            answer=answer,
            member=member,
            state=KnowledgeState.DRAFT.value,
            author=staff.username,
            reviewer="",
            updated_at=now(),
        )
        return visible_entry(session, entry.id, staff)
    moment = now()
    row = KnowledgeRow(
        id=new_id("q_"),
        ticket_id=ticket_id,
        member=member,
        question=question,
        answer=answer,
        state=KnowledgeState.DRAFT.value,
        author=staff.username,
        reviewer="",
        created_at=moment,
        updated_at=moment,
    )
    session.add(row)
    session.flush()
    return store.entry_value(row)


def approve(session: Session, entry: KnowledgeEntry, staff: Staff) -> KnowledgeEntry:
    """Publish a draft of a colleague.

    :raises Forbidden: for one's own draft; :raises Conflict: when it is no draft (any more), or was changed meanwhile.
    """
    if entry.author == staff.username:
        raise Forbidden("自己写的答案须由另一位馆员审核。")
    _move(session, entry, staff, source=KnowledgeState.DRAFT, target=KnowledgeState.PUBLISHED)
    return visible_entry(session, entry.id, staff)


def retire(session: Session, entry: KnowledgeEntry, staff: Staff) -> KnowledgeEntry:
    """Take a published answer away from readers."""
    _move(session, entry, staff, source=KnowledgeState.PUBLISHED, target=KnowledgeState.RETIRED)
    return visible_entry(session, entry.id, staff)


def _move(
    session: Session, entry: KnowledgeEntry, staff: Staff, *, source: KnowledgeState, target: KnowledgeState
) -> None:
    changed = store.change(
        session,
        entry.id,
        states=(source,),
        seen=entry.updated_at,
        state=target.value,
        reviewer=staff.username,
        updated_at=now(),
    )
    if not changed:
        raise Conflict("这条常见问题刚刚被改动，请刷新后重试。")


def visible_entry(session: Session, entry_id: str, staff: Staff) -> KnowledgeEntry:
    """An entry of this librarian's member, or one for all.

    :raises NotFound: when there is none.
    """
    entry = store.entry(session, entry_id)
    if entry is None or (staff.member is not None and entry.member not in ("", staff.member)):
        raise NotFound("没有这条常见问题。")
    return entry


def entries(session: Session, *, member: str | None) -> list[KnowledgeEntry]:
    """What this member (None: the office) sees, drafts first, newest first."""
    return store.entries(session, member=member)


def published(session: Session) -> list[KnowledgeEntry]:
    """Everything that readers may find."""
    return store.published(session)


def add_phrase(session: Session, *, title: str, text: str, member: str = "") -> Phrase:
    """A canned answer for one member, or for all."""
    row = PhraseRow(
        id=new_id("p_"),
        member=member,
        title=clean_text(title, limit=100, empty="请填写标题。"),
        text=clean_text(text),
    )
    session.add(row)
    session.flush()
    return store.phrase_value(row)


def phrases(session: Session, *, member: str | None) -> list[Phrase]:
    """The canned answers that a librarian of this member may use."""
    return store.phrases(session, member=member)
