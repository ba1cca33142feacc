"""From a question made whole to a finished answer, with or without a model."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from backend.answer import constraints, extractive, streaming
from backend.answer.citing import Sources
from backend.answer.evidence import Evidence, SearchPort, gather, judge
from backend.answer.intent import read
from backend.answer.modelled import Dossier, Modelled
from backend.answer.replies import say
from backend.answer.sentences import split
from backend.answer.values import Action, Answer, Intent, Piece, Provenance, Question, Sentence, Source
from backend.answer.writing import material
from backend.search.query import parse
from backend.search.values import PassageHit, SearchRequest

LISTED = 5
"""Items in a list of found items."""

DOSSIER = 6
"""Sources that a model is given."""

_DOCUMENTS = ("standard", "news", "research", "policy", "faq", "document")
_KINDS: dict[Intent, tuple[str, ...]] = {
    Intent.POLICY: ("policy", "faq"),
    Intent.INDUSTRY: ("standard", "news", "research", "document"),
}
_BY_ITEM = (Intent.FIND_ITEM, Intent.LOCATE, Intent.REQUEST_ITEM)


class Answerer:
    """Answers over one search engine. Thread-safe: it keeps nothing between questions."""

    def __init__(
        self,
        engine: SearchPort,
        *,
        names: Callable[[str], str] = lambda code: code,
        modelled: Modelled | None = None,
        this_year: Callable[[], int] = lambda: datetime.now(UTC).year,
    ) -> None:
        self.engine = engine
        self._names = names
        self.modelled = modelled
        self._this_year = this_year

    @property
    def version(self) -> str:
        """What words the answers: ``extractive``, or the models and prompts."""
        return self.modelled.version if self.modelled else "extractive"

    def answer(self, question: Question, audiences: frozenset[str]) -> Answer:
        """The extractive answer: quotations only.

        :raises NotReady: when there is no usable index.
        """
        if parse(question.text).empty:
            return self._words(question, "unreadable")
        if question.intent in _BY_ITEM:
            found = self._items(question, audiences)
            if found is not None:
                return found
        if question.intent in (Intent.GREETING, Intent.LIBRARIAN, Intent.PERSONAL, Intent.OFF_TOPIC):
            return self._plain(question, audiences)
        return self._from_evidence(question, audiences)

    async def stream(self, question: Question, audiences: frozenset[str]) -> AsyncIterator[Piece | Answer]:
        """The answer as it comes, piece by piece; the last value is the finished :class:`Answer`."""
        answer = await asyncio.to_thread(self.answer, question, audiences)
        if self.modelled is None or answer.refused or not answer.sentences:
            for piece in streaming.pieces(answer):
                yield piece
            yield answer
            return
        dossier = await asyncio.to_thread(self._dossier, question, answer, audiences)
        async for value in self.modelled.stream(question, answer, dossier):
            yield value

    async def close(self) -> None:
        """Release the connections to the models."""
        if self.modelled is not None:
            await self.modelled.close()

    def _dossier(self, question: Question, answer: Answer, audiences: frozenset[str]) -> Dossier:
        """The extractive answer's sources, and what else was found, as the model may quote them."""
        kinds = _KINDS.get(question.intent)
        hits = self.engine.passages(question.text, audiences, limit=DOSSIER, kinds=kinds)
        items = {source.id: self.engine.item(source.id, audiences) for source in answer.sources}
        items.update({hit.item.id: hit.item for hit in hits} if question.intent not in _BY_ITEM else {})
        sources = self._sources(question)
        made = []
        for item in [item for item in items.values() if item is not None][:DOSSIER]:
            sources.number(item)
            passages = [hit.passage for hit in hits if hit.item.id == item.id]
            spans = [span for passage in passages for span in split(item.text, start=passage.start, end=passage.end)]
            made.append(material(item, spans, sources, question.language))
        return Dossier(materials=tuple(made), sources=sources)

    # what needs no evidence

    def _plain(self, question: Question, audiences: frozenset[str]) -> Answer:
        reading = read(question.text)
        if question.intent is Intent.GREETING:
            key = "thanks" if reading.thanks else "about_self" if reading.about_self else "greeting"
            return self._words(question, key)
        if question.intent is Intent.LIBRARIAN:
            return self._words(question, "librarian", handoff=True)
        if question.intent is Intent.PERSONAL:
            return self._words(question, "my_account" if reading.my_account else "personal", refused=True, handoff=True)
        if reading.instructions:
            return self._words(question, "instructions", refused=True)
        evidence = gather(self.engine, question.text, audiences)
        if evidence.judgement == "enough" and evidence.signals.coverage > 0.9:
            return self._said(question, extractive.direct, evidence)
        return self._words(question, "off_topic", refused=True, handoff=True)

    def _words(self, question: Question, key: str, *, refused: bool = False, handoff: bool = False) -> Answer:
        return Answer(
            intent=question.intent,
            refused=refused,
            reason=key if refused else None,
            text=say(key, question.language),
            actions=(self._handoff(question),) if handoff else (),
            provenance=self._provenance(),
        )

    def _handoff(self, question: Question) -> Action:
        return Action(kind="handoff", label=say("handoff", question.language))

    def _provenance(self) -> Provenance:
        return Provenance(prompt="extractive", model="", snapshot=self.engine.snapshot_name())

    # items

    def _items(self, question: Question, audiences: frozenset[str]) -> Answer | None:
        """Found items with their holdings; None when the question should rather be answered from documents."""
        items = self._focus(question, audiences) or self._search_items(question, audiences)
        if not items:
            return self._no_item(question, audiences)
        if question.intent is not Intent.FIND_ITEM:
            items = items[:1]
        sources = self._sources(question)
        said = extractive.listing(items, sources, question.language)
        if not said:
            return None
        return self._finish(question, said, sources, actions=self._request_actions(question, items))

    def _focus(self, question: Question, audiences: frozenset[str]) -> list[Any]:
        found = [self.engine.item(item_id, audiences) for item_id in question.focus]
        return [item for item in found if item is not None]

    def _search_items(self, question: Question, audiences: frozenset[str]) -> list[Any]:
        wish = constraints.read(question.text, this_year=self._this_year())
        if not wish.subject and not any(wish.filters.model_dump().values()):
            return []
        filters = wish.filters.model_copy(update={"kinds": ("catalogue",)})
        named = any(known.tier >= 95 for known in parse(question.text).known) or "《" in question.text
        words = question.text if named else wish.subject or wish.words
        page = self.engine.search(
            SearchRequest(q=words, filters=filters, size=10), audiences, own_member=question.member
        )
        items = [self.engine.item(hit.id, audiences) for hit in page.hits]
        asked = set(self.engine.tokeniser.tokens(wish.subject))
        return [item for item in items if item is not None and self._about(item, asked)][:LISTED]

    def _about(self, item: Any, asked: set[str]) -> bool:
        """Does the record speak of what is asked: at least 60 % of the asked tokens?"""
        if not asked:
            return True
        words = [item.title, item.text, *item.creators, *item.title_variants, *item.romanised]
        words += [identifier.value for identifier in item.identifiers]
        return len(asked & set(self.engine.tokeniser.tokens(" ".join(words)))) >= 0.6 * len(asked)

    def _no_item(self, question: Question, audiences: frozenset[str]) -> Answer | None:
        wish = constraints.read(question.text, this_year=self._this_year())
        if question.intent is Intent.REQUEST_ITEM or not wish.subject:
            evidence = gather(self.engine, question.text, audiences, kinds=_KINDS[Intent.POLICY])
            if evidence.judgement == "enough":
                return self._policy(question, evidence)
            return self._words(question, "which_item", handoff=True)
        evidence = gather(self.engine, question.text, audiences, kinds=_DOCUMENTS)
        if evidence.judgement == "enough":
            return self._said(question, extractive.direct, evidence)
        return self._words(question, "no_item", refused=True, handoff=True)

    def _request_actions(self, question: Question, items: Sequence[Any]) -> list[Action]:
        actions = []
        for item in items[:3]:
            services = tuple(
                name
                for name, able in (
                    ("loan", any(h.loanable for h in item.holdings)),
                    ("copy", any(h.copyable for h in item.holdings)),
                )
                if able
            )
            if services:
                label = say("request", question.language, title=item.title)
                actions.append(
                    Action(kind="request", label=label, record_id=item.id, title=item.title, services=services)
                )
        return actions

    # documents

    def _from_evidence(self, question: Question, audiences: frozenset[str]) -> Answer:
        if question.intent is Intent.POLICY:
            evidence = gather(self.engine, question.text, audiences, kinds=_KINDS[Intent.POLICY])
            if evidence.judgement == "enough":
                return self._policy(question, evidence)
        evidence = gather(self.engine, question.text, audiences)
        named = self._named(evidence.hits)
        if named is not None:
            return self._known(question, named)
        if evidence.judgement != "enough":
            return self._refusal(question, evidence)
        if evidence.units[0].hit.item.kind == "catalogue":
            return self._records(question, evidence)
        if evidence.units[0].hit.item.kind in ("policy", "faq"):
            return self._policy(question, judge(self.engine, question.text, _rules(evidence.hits)))
        return self._said(question, extractive.direct, evidence)

    def _named(self, hits: Sequence[PassageHit]) -> Any:
        """The record or standard that the question names by number or exact title, if any."""
        first = hits[0] if hits else None
        if first is None or first.match != "identifier" or first.item.kind not in ("catalogue", "standard"):
            return None
        return first.item

    def _known(self, question: Question, item: Any) -> Answer:
        sources = self._sources(question)
        if item.kind == "standard":
            return self._finish(question, extractive.standard(item, sources), sources)
        said = extractive.listing([item], sources, question.language)
        return self._finish(question, said, sources, actions=self._request_actions(question, [item]))

    def _records(self, question: Question, evidence: Evidence) -> Answer:
        items = list(
            {unit.hit.item.id: unit.hit.item for unit in evidence.units if unit.hit.item.kind == "catalogue"}.values()
        )
        sources = self._sources(question)
        said = extractive.listing(items[:LISTED], sources, question.language)
        return self._finish(question, said, sources, actions=self._request_actions(question, items))

    def _policy(self, question: Question, evidence: Evidence) -> Answer:
        sources = self._sources(question)
        said = extractive.policy(evidence, question.text, sources, member=question.member, language=question.language)
        return self._finish(question, said, sources, confidence=evidence.confidence, near=evidence.hits)

    def _said(self, question: Question, compose: Callable[..., list[Sentence]], evidence: Evidence) -> Answer:
        sources = self._sources(question)
        said = compose(evidence, question.text, sources)
        return self._finish(question, said, sources, confidence=evidence.confidence, near=evidence.hits)

    def _refusal(self, question: Question, evidence: Evidence) -> Answer:
        sources = self._sources(question)
        for hit in evidence.hits[:3]:
            sources.number(hit.item)
        near = sources.listed()
        parts = [
            say("refusal", question.language, searched=say("everything", question.language)),
            say("refusal_near", question.language) if near else "",
            say("refusal_next", question.language),
        ]
        return Answer(
            intent=question.intent,
            refused=True,
            reason="thin_evidence" if near else "no_evidence",
            text=("" if question.language == "zh" else " ").join(part for part in parts if part),
            sources=near,
            actions=(self._handoff(question),),
            provenance=self._provenance(),
            confidence=evidence.confidence,
        )

    # finishing

    def _sources(self, question: Question) -> Sources:
        return Sources(member=question.member, names=self._names)

    def _finish(
        self,
        question: Question,
        said: Sequence[Sentence],
        sources: Sources,
        *,
        actions: Sequence[Action] = (),
        confidence: float = 1.0,
        near: Sequence[PassageHit] = (),
    ) -> Answer:
        listed = sources.listed()
        opens = [
            Action(kind="open", label=say("open", question.language), url=s.url, title=s.title) for s in listed if s.url
        ]
        return Answer(
            intent=question.intent,
            text=streaming.joined(said, question.language),
            sentences=tuple(said),
            sources=listed,
            actions=(*actions, *opens[:1], self._handoff(question)),
            suggestions=_suggestions(listed, near),
            provenance=self._provenance(),
            confidence=confidence,
        )


def _suggestions(cited: Sequence[Source], near: Sequence[PassageHit]) -> tuple[str, ...]:
    """Up to three next questions whose answers are known to be there: near questions of the FAQ, who holds a book."""
    known = {source.id for source in cited}
    asked = [hit.item.title for hit in near if hit.item.kind == "faq" and hit.item.id not in known]
    held = [f"《{source.title}》哪里有" for source in cited if source.holdings] if len(cited) > 1 else []
    return tuple(dict.fromkeys([*asked, *held]))[:3]


def _rules(hits: Sequence[PassageHit]) -> list[PassageHit]:
    return [hit for hit in hits if hit.item.kind in ("policy", "faq")]
