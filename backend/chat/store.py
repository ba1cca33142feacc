"""Every statement over conversations, turns and feedback. Nothing here commits."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from backend.chat.models import Conversation, Feedback, Turn
from backend.core.db import now
from backend.core.errors import Conflict, NotFound
from backend.core.ids import new_id

STALE = timedelta(seconds=20)
"""A turn whose process has not renewed its lease for this long belongs to a process that died."""

LIVE = ("running", "stopping")


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
    """The latest turns, oldest first, without those that were answered anew."""
    chosen = select(Turn).where(Turn.conversation_id == conversation_id, Turn.state != "replaced")
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
    if row.busy_turn is not None and row.busy_since is not None and row.busy_since < moment - STALE:
        abandon(session, row.busy_turn, moment=moment)
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
    """End a live turn and free its conversation; False when it had ended already."""
    ended = session.execute(
        update(Turn)
        .where(Turn.id == turn_id, Turn.state.in_(LIVE))
        .values(state=state, standalone_question=standalone, answer=answer, finished_at=now())
    )
    _free(session, turn_id)
    return bool(ended.rowcount == 1)  # type: ignore[attr-defined]


def _free(session: Session, turn_id: str) -> None:
    session.execute(
        update(Conversation).where(Conversation.busy_turn == turn_id).values(busy_turn=None, busy_since=None)
    )


def replace_turn(session: Session, turn_id: str) -> None:
    """The turn was answered anew: it is no longer told."""
    session.execute(update(Turn).where(Turn.id == turn_id, Turn.state.not_in(LIVE)).values(state="replaced"))


# leases: the process that answers a turn renews ``busy_since``


def renew(session: Session, turn_ids: Sequence[str]) -> set[str]:
    """Renew the leases of turns that are being answered here; returns those that somebody asked to stop."""
    session.execute(update(Conversation).where(Conversation.busy_turn.in_(turn_ids)).values(busy_since=now()))
    return set(session.scalars(select(Turn.id).where(Turn.id.in_(turn_ids), Turn.state == "stopping")))


def ask_to_stop(session: Session, turn_id: str) -> bool:
    """Tell the process that answers the turn, wherever it runs; False when the turn has ended."""
    asked = session.execute(update(Turn).where(Turn.id == turn_id, Turn.state.in_(LIVE)).values(state="stopping"))
    return bool(asked.rowcount == 1)  # type: ignore[attr-defined]


def is_leased(session: Session, turn_id: str) -> bool:
    """Is a process answering the turn?"""
    leased = select(Conversation.id).where(Conversation.busy_turn == turn_id, Conversation.busy_since >= now() - STALE)
    return session.scalar(leased) is not None


def abandon(session: Session, turn_id: str, *, moment: datetime | None = None) -> bool:
    """End a live turn whose lease has run out: its process died. False while it is alive, or has ended."""
    at = moment or now()
    leased = select(Conversation.id).where(Conversation.busy_turn == turn_id, Conversation.busy_since >= at - STALE)
    ended = session.execute(
        update(Turn)
        .where(Turn.id == turn_id, Turn.state.in_(LIVE), ~leased.exists())
        .values(state="failed", finished_at=at)
        .execution_options(synchronize_session=False)
    )
    if ended.rowcount != 1:  # type: ignore[attr-defined]
        return False
    _free(session, turn_id)
    return True


def abandon_all(session: Session) -> int:
    """End every live turn: for the only process there is, when it starts."""
    live = session.scalars(select(Turn.id).where(Turn.state.in_(LIVE))).all()
    return sum(abandon(session, turn_id, moment=now() + 2 * STALE) for turn_id in live)


def feedback(session: Session, turn_ids: Sequence[str]) -> dict[str, bool]:
    """What the reader thought of these turns, where they said so."""
    rows = session.execute(select(Feedback.turn_id, Feedback.helpful).where(Feedback.turn_id.in_(turn_ids)))
    return {row.turn_id: row.helpful for row in rows}


def save_feedback(session: Session, turn_id: str, *, helpful: bool, comment: str) -> None:
    session.merge(Feedback(turn_id=turn_id, helpful=helpful, comment=comment, created_at=now()))
