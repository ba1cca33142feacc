"""What one part of a question comes to, before it is an answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from backend.answer import streaming
from backend.answer.replies import say
from backend.answer.values import Action, Language, Sentence
from backend.search.values import PassageHit


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """Proven sentences, or the service's own ``words``; with both, the words hold the sentences in their order."""

    sentences: tuple[Sentence, ...] = ()
    words: str = ""
    refused: bool = False
    reason: str | None = None
    actions: tuple[Action, ...] = ()
    handoff: bool = False
    confidence: float = 1.0
    near: tuple[PassageHit, ...] = ()

    @classmethod
    def refusal(cls, reason: str, words: str, *, confidence: float = 0.0, handoff: bool = True) -> Reply:
        return cls(words=words, refused=True, reason=reason, confidence=confidence, handoff=handoff)


def combined(asked: Sequence[str], replies: Sequence[Reply], language: Language) -> Reply:
    """The replies to the parts of one question, in order; a part without an answer is said to be without one."""
    paragraphs: list[str] = []
    said: list[Sentence] = []
    for text, reply in zip(asked, replies, strict=True):
        if reply.sentences and not reply.refused:
            repeated = reply.sentences[0] in said  # one rule answers both
            new = [] if repeated else [sentence for sentence in reply.sentences if sentence not in said]
            said += new
            paragraphs += [streaming.joined(new, language)] if new else []
        else:
            paragraphs.append(say("part_unanswered", language, part=text.rstrip("？? ")))
    whole = all(reply.sentences for reply in replies)
    return Reply(
        sentences=tuple(said),
        words="\n".join(paragraphs),
        reason=None if whole else "partly",
        actions=tuple({action.label: action for reply in replies for action in reply.actions}.values()),
        handoff=True,
        confidence=min(reply.confidence for reply in replies if reply.sentences),
        near=tuple(hit for reply in replies for hit in reply.near),
    )
