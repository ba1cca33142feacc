"""An answerer that says what it is told to, piece by piece, and a reader who puts the pieces together."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

from backend.answer import streaming
from backend.answer.values import Answer, Citation, Intent, Piece, Provenance, Question, Sentence, Source
from backend.core.errors import UpstreamError
from backend.core.events import Event, InProcessBus


def scripted_answer(texts: Sequence[str], *, snapshot: str = "1") -> Answer:
    """An answer of these sentences, each cited."""
    cited = (Citation(source=1, quote="据", start=0, end=1),)
    return Answer(
        intent=Intent.QUESTION,
        text="".join(texts),
        sentences=tuple(Sentence(text=text, citations=cited) for text in texts),
        sources=(Source(n=1, id="d1", source_id="s", collection="c", kind="faq", title="题"),),
        suggestions=(),
        provenance=Provenance(prompt="extractive", snapshot=snapshot),
    )


class ScriptedAnswerer:
    """Says ``texts`` with ``pause`` seconds before each; ``wrong_start`` is shown first and then withdrawn."""

    def __init__(self, texts: Sequence[str], *, pause: float = 0.0, wrong_start: str = "") -> None:
        self.texts = texts
        self.pause = pause
        self.wrong_start = wrong_start
        self.version = "scripted"
        self.modelled = None
        self.asked: list[Question] = []

    async def stream(self, question: Question, audiences: frozenset[str]) -> AsyncIterator[Piece | Answer]:
        self.asked.append(question)
        answer = scripted_answer(self.texts)
        yield streaming.sources(answer)
        if self.wrong_start:
            yield Piece(name="delta", payload={"text": self.wrong_start})
        else:
            for text in self.texts:
                await asyncio.sleep(self.pause)
                yield Piece(name="delta", payload={"text": text})
        if self.wrong_start:
            yield streaming.replaced(answer)
        else:
            for piece in streaming.citations(answer.text, answer.sentences):
                yield piece
        yield streaming.actions(answer)
        yield answer

    async def close(self) -> None:
        return


class Reader:
    """What a page makes of the events: exactly what the widget's reducer does."""

    def __init__(self) -> None:
        self.text = ""
        self.last = 0
        self.turn: dict[str, Any] | None = None
        self.error: dict[str, Any] | None = None
        self.deltas = 0

    @property
    def over(self) -> bool:
        return self.turn is not None or self.error is not None

    def take(self, event: Event) -> None:
        assert event.id > self.last, "an event was told twice"
        self.last = event.id
        if event.name == "delta":
            self.text += event.payload["text"]
            self.deltas += 1
        elif event.name == "replace":
            self.text = event.payload["text"]
        elif event.name == "done":
            self.turn = dict(event.payload["turn"])
        elif event.name == "error":
            self.error = dict(event.payload)


class FlakyBus(InProcessBus):
    """Cannot be reached for the appends whose running number is in ``down``."""

    def __init__(self, down: frozenset[int]) -> None:
        super().__init__()
        self._down = down
        self._calls = 0

    def append(self, stream: str, name: str, payload: Any) -> int:
        self._calls += 1
        if self._calls in self._down:
            raise UpstreamError("injected")
        return super().append(stream, name, payload)
