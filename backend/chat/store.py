"""Every statement over conversations, turns and feedback. Nothing here commits."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from backend.chat.models import Conversation, Feedback, Turn
from backend.core.db import now
from backend.core.errors import Conflict, NotFound
from backend.core.ids import new_id

STALE = timedelta(seconds=180)
"""A turn that has run this long belongs to a process that died."""


def open_conversation(session: Session, *, visitor_id: str, member: str) -> Conversation:
    moment = now()
    row = Conversation(id=new_id("c_"), visitor_id=visitor_id, member=member, created_at=moment, updated_at=moment)
    session.add(row)
    session.flush()
    return row


def conversation(session: Session, conversation_id: str, *, visitor_id: str) -> Conversation:
    """:raises NotFound: also when it is another visitor's."""
    row = session.get(Conversation, conversation_id) if len(conversation_id) <= 40 else None
    if row is None or row.visitor_id != visitor_id:
        raise NotFound("没有这个对话。")
    return row


def turn(session: Session, turn_id: str, *, visitor_id: str) -> Turn:
    """:raises NotFound: also when it is another visitor's."""
    row = session.get(Turn, turn_id) if len(turn_id) <= 40 else None
    if row is None or row.visitor_id != visitor_id:
        raise NotFound("没有这次提问。")
    return row


def turn_by_key(session: Session, *, visitor_id: str, idempotency_key: str) -> Turn | None:
    return session.scalar(select(Turn).where(Turn.visitor_id == visitor_id, Turn.idempotency_key == idempotency_key))


def turns(session: Session, conversation_id: str, *, limit: int = 200) -> list[Turn]:
    """The latest turns, oldest first."""
    chosen = select(Turn).where(Turn.conversation_id == conversation_id)
    found = session.scalars(chosen.order_by(Turn.created_at.desc(), Turn.id.desc()).limit(limit))
    return list(found)[::-1]


def begin_turn(
    session: Session, row: Conversation, *, question: str, idempotency_key: str | None, moment: datetime | None = None
) -> Turn:
    """A running turn; the conversation is its alone until it ends.

    :raises Conflict: when another turn of this conversation is being answered.
    """
    moment = moment or now()
    turn_id = new_id("t_")
    taken = session.execute(
        update(Conversation)
        .where(Conversation.id == row.id)
        .where(or_(Conversation.busy_turn.is_(None), Conversation.busy_since < moment - STALE))
        .values(busy_turn=turn_id, busy_since=moment, updated_at=moment)
        .execution_options(synchronize_session=False)
    )
    if taken.rowcount != 1:  # type: ignore[attr-defined]
        raise Conflict("上一个问题还在回答中，请稍候。", detail={"reason": "busy"})
    made = Turn(
        id=turn_id,
        conversation_id=row.id,
        visitor_id=row.visitor_id,
        idempotency_key=idempotency_key,
        question=question,
        standalone_question=question,
        state="running",
        answer=None,
        created_at=moment,
    )
    session.add(made)
    session.flush()
    return made


def finish_turn(session: Session, turn_id: str, *, state: str, standalone: str, answer: dict[str, Any] | None) -> bool:
    """End a running turn and free its conversation; False when it had ended already."""
    ended = session.execute(
        update(Turn)
        .where(Turn.id == turn_id, Turn.state == "running")
        .values(state=state, standalone_question=standalone, answer=answer, finished_at=now())
    )
    session.execute(
        update(Conversation).where(Conversation.busy_turn == turn_id).values(busy_turn=None, busy_since=None)
    )
    return bool(ended.rowcount == 1)  # type: ignore[attr-defined]


def save_feedback(session: Session, turn_id: str, *, helpful: bool, comment: str) -> None:
    session.merge(Feedback(turn_id=turn_id, helpful=helpful, comment=comment, created_at=now()))
