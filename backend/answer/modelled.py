"""An answer that a model words, over the extractive one that stands behind it.

Only proven sentences are shown. When nothing of a model's text stands, or every model fails, the extractive answer is
given; when something had been shown by then, one ``replace`` withdraws it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field

from backend.answer import streaming
from backend.answer.citing import Sources
from backend.answer.model import ModelFailed
from backend.answer.prompt import Prompt
from backend.answer.supervisor import Attempt, Supervisor
from backend.answer.values import Answer, Language, Piece, Provenance, Question, Sentence
from backend.answer.writing import Material, Writer

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dossier:
    """What a model is given, numbered as ``sources`` numbers it."""

    materials: tuple[Material, ...]
    sources: Sources


@dataclass(slots=True)
class _Told:
    """What has been shown of the answer."""

    text: str = ""
    said: list[Sentence] = field(default_factory=list)
    model: str = ""
    void: bool = False
    """a model began anew after something was shown: nothing more is shown until the end"""

    def restart(self, model: str) -> None:
        self.model = model
        self.said = []
        self.void = bool(self.text)

    def take(self, sentence: Sentence, mark: str) -> str:
        """The text to show for a sentence; empty when it has to wait for the end."""
        self.said.append(sentence)
        if self.void:
            return ""
        more = (mark if self.text else "") + sentence.text
        self.text += more
        return more


class Modelled:
    """Words answers with the supervised models and one prompt for each language."""

    def __init__(self, supervisor: Supervisor, prompts: Mapping[Language, Prompt], *, budget: int = 6_000) -> None:
        """``budget``: tokens that a prompt may take."""
        self.supervisor = supervisor
        self._prompts = prompts
        self._budget = budget
        self.fell_back = 0

    @property
    def version(self) -> str:
        """What words the answers: the models in their order, and the prompts."""
        prompts = sorted(prompt.name for prompt in self._prompts.values())
        return "+".join([*(model.name for model in self.supervisor.models), *prompts])

    async def speaks(self) -> str:
        """What it says to a word that needs no evidence: for checks of the settings.

        :raises ModelFailed: naming what the last model failed of.
        """
        said, model = "", ""
        async with aclosing(self.supervisor.stream([("user", "请只回答：好。")])) as chunks:
            async for chunk in chunks:
                if isinstance(chunk, Attempt):
                    said, model = "", chunk.model
                else:
                    said += chunk
        return f"{model}: {said.strip()[:40]}"

    async def stream(self, question: Question, extractive: Answer, dossier: Dossier) -> AsyncIterator[Piece | Answer]:
        """The pieces of the answer and then the answer; never fails because of a model."""
        base = extractive.model_copy(update={"sources": dossier.sources.listed()})
        yield streaming.sources(base)
        told = _Told()
        failed = False
        try:
            async for piece in self._written(question, dossier, told):
                yield piece
        except ModelFailed as error:
            failed = True
            self.fell_back += 1
            log.warning("answered without a model: %s", error.message)
        answer = base if failed or not told.said else self._worded(question, base, told)
        for piece in _ending(answer, told):
            yield piece
        yield answer

    async def close(self) -> None:
        """Release the connections to the models."""
        await self.supervisor.close()

    async def _written(self, question: Question, dossier: Dossier, told: _Told) -> AsyncIterator[Piece]:
        messages = self._prompts[question.language].messages(
            question=question.text,
            evidence=[one.text() for one in dossier.materials],
            member=dossier.sources.name(question.member) if question.member else "",
            budget=self._budget,
        )
        mark = "" if question.language == "zh" else " "
        writer = Writer(dossier.materials, dossier.sources)
        async with aclosing(self.supervisor.stream(messages)) as chunks:
            async for chunk in chunks:
                if isinstance(chunk, Attempt):
                    told.restart(chunk.model)
                    writer = Writer(dossier.materials, dossier.sources)
                    continue
                # proving a sentence takes tens of milliseconds: not in the loop that serves everybody
                for sentence in await asyncio.to_thread(_taken, writer.feed, chunk):
                    if text := told.take(sentence, mark):
                        yield Piece(name="delta", payload={"text": text})
                if writer.hopeless:
                    break
        for sentence in await asyncio.to_thread(_taken, writer.finish):
            if text := told.take(sentence, mark):
                yield Piece(name="delta", payload={"text": text})
        if writer.dropped:
            log.info("%s: %d sentences without support were dropped", told.model, len(writer.dropped))

    def _worded(self, question: Question, base: Answer, told: _Told) -> Answer:
        prompt = self._prompts[question.language].name
        mark = "" if question.language == "zh" else " "
        return base.model_copy(
            update={
                "mode": "model",
                "text": mark.join(sentence.text for sentence in told.said),
                "sentences": tuple(told.said),
                "provenance": Provenance(prompt=prompt, model=told.model, snapshot=base.provenance.snapshot),
            }
        )


def _taken(step: Callable[..., Iterator[Sentence]], *given: str) -> list[Sentence]:
    return list(step(*given))


def _ending(answer: Answer, told: _Told) -> list[Piece]:
    """What is left to tell: citations, or the whole text when what was shown is not the answer."""
    if not told.text:
        return [piece for piece in streaming.pieces(answer) if piece.name != "sources"]
    if told.text != answer.text:
        return [streaming.replaced(answer), streaming.actions(answer)]
    return [*streaming.citations(answer.text, answer.sentences), streaming.actions(answer)]
