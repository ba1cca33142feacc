"""What was said in a conversation, for its own visitor and for the librarian it is handed to."""

from __future__ import annotations

from typing import Any

from backend.chat import store
from backend.chat.handoff import Desk, TranscriptLine
from backend.chat.models import Turn
from backend.core.access import Visitor
from backend.core.db import Database


class History:
    """Reads conversations; only their own visitor does."""

    def __init__(self, database: Database, desk: Desk) -> None:
        self._database = database
        self._desk = desk

    def conversation(self, conversation_id: str, visitor: Visitor) -> dict[str, Any]:
        """``{id, turns, times, open, feedback, handoff}``.

        ``open`` is the last question when it has no answer (``{id, question, state}``): its stream can be followed
        while it is ``running``. ``feedback`` maps turn ids to whether they helped, ``times`` to when they
        were asked: a page sets the talk with a librarian between them.

        :raises NotFound: for anybody else.
        """
        with self._database.read() as session:
            store.conversation(session, conversation_id, visitor_id=visitor.id)
            rows = store.turns(session, conversation_id)
            said = store.feedback(session, [row.id for row in rows])
        return {
            "id": conversation_id,
            "turns": [row.answer for row in rows if row.answer is not None],
            "times": {row.id: row.created_at.isoformat() for row in rows},
            "open": _open(rows[-1]) if rows else None,
            "feedback": said,
            "handoff": self._desk.state(conversation_id),
        }

    def transcript(self, conversation_id: str, visitor: Visitor) -> list[TranscriptLine]:
        """The conversation in words, as a librarian gets it.

        :raises NotFound: when it is not this visitor's.
        """
        with self._database.read() as session:
            store.conversation(session, conversation_id, visitor_id=visitor.id)
            turns = store.turns(session, conversation_id)
        lines = []
        for row in turns:
            lines.append(TranscriptLine(author="reader", text=row.question, at=row.created_at.isoformat()))
            if row.answer:
                at = (row.finished_at or row.created_at).isoformat()
                lines.append(TranscriptLine(author="assistant", text=str(row.answer["text"]), at=at))
        return lines

    def feedback(self, turn_id: str, visitor: Visitor, *, helpful: bool, comment: str) -> None:
        """Keep what the reader thought of a turn; the latest word counts."""
        with self._database.begin() as session:
            store.turn(session, turn_id, visitor_id=visitor.id)
            store.save_feedback(session, turn_id, helpful=helpful, comment=comment)


def _open(row: Turn) -> dict[str, str] | None:
    if row.answer is not None:
        return None
    state = "running" if row.state in store.LIVE else "failed"
    return {"id": row.id, "question": row.question, "state": state}
