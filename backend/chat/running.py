"""A turn under way: what it is, and what its reader has been shown of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from backend.answer.intent import Reading
from backend.answer.values import Answer, Piece
from backend.chat.rewrite import Whole
from backend.chat.telling import meta
from backend.chat.values import TurnView
from backend.core.access import Caller


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """A turn that is being answered, or was already (``fresh`` False: the idempotency key was seen).

    ``replaces``: the turn whose question is answered anew.
    """

    turn_id: str
    conversation_id: str
    question: str
    fresh: bool
    replaces: str | None = None


@dataclass(slots=True)
class Running:
    """A turn that is being answered here.

    ``shown``: its text so far; ``lost``: an event could not be told, so what follows would not fit.
    """

    started: Started
    caller: Caller
    whole: Whole = field(default_factory=lambda: Whole(text=""))
    shown: str = ""
    lost: bool = False

    def __post_init__(self) -> None:
        self.whole = Whole(text=self.started.question)

    def take(self, piece: Piece) -> None:
        if piece.name == "delta":
            self.shown += str(piece.payload["text"])
        elif piece.name == "replace":
            self.shown = str(piece.payload["text"])

    def meta(self, reading: Reading) -> dict[str, Any]:
        return meta(
            turn_id=self.started.turn_id,
            conversation_id=self.started.conversation_id,
            question=self.started.question,
            standalone=self.whole.text,
            intent=reading.intent.value,
        )

    def view(self, answer: Answer) -> TurnView:
        return TurnView.of(
            answer,
            turn_id=self.started.turn_id,
            conversation_id=self.started.conversation_id,
            question=self.started.question,
            standalone=self.whole.text,
        )
