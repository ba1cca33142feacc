"""The turn as the HTTP contract shows it, and what a later turn remembers of it."""

from __future__ import annotations

import unicodedata
from typing import Any

from pydantic import Field

from backend.answer.values import Action, Answer, Frozen, Intent, Mode, Provenance, Sentence, Source
from backend.core.errors import InputError

MAX_QUESTION = 2_000
"""Characters of a question; a longer one is refused with a clear word, never cut silently."""


class TurnView(Frozen):
    """One question and its finished answer."""

    id: str
    conversation_id: str
    question: str
    standalone_question: str
    intent: Intent
    mode: Mode = "extractive"
    refused: bool = False
    reason: str | None = None
    text: str = ""
    sentences: tuple[Sentence, ...] = ()
    sources: tuple[Source, ...] = ()
    actions: tuple[Action, ...] = ()
    suggestions: tuple[str, ...] = ()
    provenance: Provenance = Field(default_factory=Provenance)

    @classmethod
    def of(cls, answer: Answer, *, turn_id: str, conversation_id: str, question: str, standalone: str) -> TurnView:
        return cls(
            id=turn_id,
            conversation_id=conversation_id,
            question=question,
            standalone_question=standalone,
            **{name: getattr(answer, name) for name in Answer.model_fields if name != "confidence"},
        )

    def to_json(self) -> dict[str, Any]:
        return self.model_dump(mode="json")


def clean_question(text: str) -> str:
    """The question without control characters and broken Unicode.

    :raises InputError: when nothing is left, or it is longer than :data:`MAX_QUESTION`.
    """
    if len(text) > MAX_QUESTION:
        raise InputError(f"问题太长：最多 {MAX_QUESTION} 个字符。", detail={"limit": MAX_QUESTION, "length": len(text)})
    kept = "".join(c for c in text if c in "\n\t" or unicodedata.category(c) not in ("Cc", "Cs", "Cf", "Co"))
    kept = " ".join(kept.split())
    if not kept:
        raise InputError("请输入问题。")
    return kept
