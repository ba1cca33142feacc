"""A finished answer as the pieces of a stream. Pure; joined, the deltas are exactly ``answer.text``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from backend.answer.sentences import is_step
from backend.answer.values import Answer, Language, Piece, Sentence


def pieces(answer: Answer) -> Iterator[Piece]:
    """``sources``, the text sentence by sentence, where each is quoted, then ``actions``."""
    yield sources(answer)
    yield from (Piece(name="delta", payload={"text": text}) for text in _deltas(answer))
    yield from citations(answer.text, answer.sentences)
    yield actions(answer)


def sources(answer: Answer) -> Piece:
    return Piece(name="sources", payload={"sources": [s.model_dump(mode="json") for s in answer.sources]})


def actions(answer: Answer) -> Piece:
    return Piece(
        name="actions",
        payload={
            "actions": [action.model_dump(mode="json") for action in answer.actions],
            "suggestions": list(answer.suggestions),
        },
    )


def replaced(answer: Answer) -> Piece:
    """The whole text anew, with its sentences, since everything shown before is withdrawn."""
    sentences = [sentence.model_dump(mode="json") for sentence in answer.sentences]
    return Piece(name="replace", payload={"text": answer.text, "sentences": sentences})


def citations(text: str, sentences: Sequence[Sentence]) -> Iterator[Piece]:
    """One ``citation`` for each sentence, with its ``[start, end)`` in the text."""
    at = 0
    for number, sentence in enumerate(sentences):
        start = text.index(sentence.text, at)
        at = start + len(sentence.text)
        cited = [citation.model_dump(mode="json") for citation in sentence.citations]
        yield Piece(name="citation", payload={"sentence": number, "start": start, "end": at, "citations": cited})


def _deltas(answer: Answer) -> Iterator[str]:
    at = 0
    for sentence in answer.sentences:
        end = answer.text.index(sentence.text, at) + len(sentence.text)
        yield answer.text[at:end]
        at = end
    if answer.text[at:]:
        yield answer.text[at:]


def joined(said: Sequence[Sentence], language: Language) -> str:
    """The sentences as one text: running, or items and steps on lines of their own."""
    return joiner(said, language).join(sentence.text for sentence in said)


def joiner(said: Sequence[Sentence], language: Language) -> str:
    lines = any(sentence.text.startswith("《") or is_step(sentence.text) for sentence in said)
    return "\n" if lines else "" if language == "zh" else " "
