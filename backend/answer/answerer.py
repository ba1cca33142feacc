"""From a question made whole to a finished answer, with or without a model.

A question that asks several things is cut into its parts; each part is answered from its own evidence or said to be
unanswered. Rules (policies and FAQ) are looked for apart from everything else, since whose rule it is decides; items of
the catalogue are listed with their holdings; everything else is quoted.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from backend.answer import extractive, libraries, refusal, rules, streaming, vocabulary
from backend.answer.asking import wanted
from backend.answer.citing import Sources
from backend.answer.evidence import Evidence, Reader, SearchPort, owner
from backend.answer.intent import holding_wanted, language_of, read
from backend.answer.modelled import Dossier, Modelled
from backend.answer.parts import split_parts
from backend.answer.replies import say
from backend.answer.reply import Reply, combined
from backend.answer.sentences import split
from backend.answer.shelf import LISTED, Shelf, named_creator, requests
from backend.answer.values import Action, Answer, Intent, Language, Piece, Provenance, Question, Source
from backend.answer.writing import material
from backend.search.query import folded, parse
from backend.search.values import PassageHit

DOSSIER = 6
"""Sources that a model is given."""

RULES = 24
"""Passages of rules that are looked at: every library may have one on the same matter."""

CERTAIN = 0.85
"""Confidence from which rules are taken without a look at everything else, or a record's text gives way to a
document."""

LIKELY = 0.6
"""Confidence from which a question that looks off-topic is answered after all: somebody loaded a text on it."""

_DOCUMENTS = ("standard", "news", "research", "policy", "faq", "document")
_RULES = ("policy", "faq")
_KINDS: dict[Intent, tuple[str, ...]] = {
    Intent.POLICY: _RULES,
    Intent.INDUSTRY: ("standard", "news", "research", "document"),
}
_BY_ITEM = (Intent.FIND_ITEM, Intent.LOCATE, Intent.REQUEST_ITEM)
_OWN_WORDS = (Intent.GREETING, Intent.LIBRARIAN, Intent.PERSONAL, Intent.OFF_TOPIC)


class Answerer:
    """Answers over one search engine. Thread-safe: it keeps nothing of a question.

    :param names: a member's name by its code. :param members: all members, code → name.
    """

    def __init__(
        self,
        engine: SearchPort,
        *,
        names: Callable[[str], str] = lambda code: code,
        members: Callable[[], Mapping[str, str]] = dict,
        modelled: Modelled | None = None,
        this_year: Callable[[], int] = lambda: datetime.now(UTC).year,
    ) -> None:
        self.engine = engine
        self.reader = Reader(engine)
        self._shelf = Shelf(engine)
        self._names = names
        self._members = members
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
            return self._finish(question, Reply(words=say("unreadable", question.language)), self._sources(question))
        sources = self._sources(question)
        parts = [question] if question.intent in _OWN_WORDS else _parts(question)
        replies = [self._reply(part, audiences, sources) for part in parts]
        if len(parts) == 1 or all(reply.refused or not reply.sentences for reply in replies):
            return self._finish(question, replies[0], sources)
        asked = [part.text for part in parts]
        return self._finish(question, combined(asked, replies, question.language), sources)

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

    # one part of a question

    def _reply(self, question: Question, audiences: frozenset[str], sources: Sources) -> Reply:
        if question.intent in _OWN_WORDS:
            return self._own_words(question, audiences, sources)
        if question.intent in _BY_ITEM:
            shown = self._items(question, audiences, sources)
            if shown is not None:
                return shown
        found: Reply | None = None
        if question.intent is Intent.POLICY:
            found = self._rules(question, audiences, sources)
            if found is not None and (found.refused or found.confidence >= CERTAIN):
                return found
        return self._everything(question, audiences, sources, found)

    def _own_words(self, question: Question, audiences: frozenset[str], sources: Sources) -> Reply:
        """What needs no evidence, and what only looks so."""
        language, reading = question.language, read(question.text)
        if question.intent is Intent.GREETING:
            key = "thanks" if reading.thanks else "about_self" if reading.about_self else "greeting"
            return Reply(words=say(key, language))
        if question.intent is Intent.LIBRARIAN:
            return Reply(words=say("distress" if reading.distress else "librarian", language), handoff=True)
        if question.intent is Intent.PERSONAL:
            key = "my_account" if reading.my_account else "personal"
            return Reply.refusal(key, say(key, language))
        if reading.instructions:
            return Reply.refusal("instructions", say("instructions", language), handoff=False)
        evidence = self.reader.gather(question.text, audiences)
        if evidence.confidence > LIKELY:
            return _said(extractive.direct(evidence, question.text, sources), evidence)
        return Reply.refusal("off_topic", say("off_topic", language))

    # items

    def _items(self, question: Question, audiences: frozenset[str], sources: Sources) -> Reply | None:
        """Found items with their holdings; None when the question should rather be answered from documents."""
        items = self._shelf.pointed_at(question, audiences)
        if not items and question.intent is Intent.FIND_ITEM and not holding_wanted(question.text):
            evidence = self.reader.gather(question.text, audiences, kinds=_DOCUMENTS)
            if evidence.confidence >= CERTAIN:
                return None
        items = items or self._shelf.find(question, audiences, this_year=self._this_year())
        if not items:
            return self._no_item(question, audiences, sources)
        shown = items if question.intent is Intent.FIND_ITEM or len(question.focus) > 1 else items[:1]
        said = extractive.facts(shown[0], question.text, sources, question.language) if len(shown) == 1 else []
        said = said or extractive.listing(shown, sources, question.language)
        return Reply(sentences=tuple(said), actions=requests(shown, question.language)) if said else None

    def _no_item(self, question: Question, audiences: frozenset[str], sources: Sources) -> Reply | None:
        if question.intent is Intent.REQUEST_ITEM or not self._shelf.subject(question.text):
            ruled = self._rules(question, audiences, sources)
            return ruled or Reply(words=say("which_item", question.language), handoff=True)
        if self.reader.gather(question.text, audiences, kinds=_DOCUMENTS).judgement == "enough":
            return None
        near = self._near(self.engine.passages(question.text, audiences, limit=3, kinds=("catalogue",)), sources)
        words = [say("no_item", question.language), say("refusal_near", question.language) if near else ""]
        return Reply.refusal("no_item", ("" if question.language == "zh" else " ").join(words).strip())

    # rules

    def _rules(self, question: Question, audiences: frozenset[str], sources: Sources) -> Reply | None:
        """What the rules say: those of the library named, else of the asker's own and the consortium's, else
        others'."""
        named = libraries.named(question.text, self._members())
        members = self._same(named.members or ((question.member,) if question.member else ()))
        hits = self.engine.passages(vocabulary.formal(question.text), audiences, limit=RULES, kinds=_RULES)
        if named.other and not any(named.other in f"{hit.item.title}{hit.passage.text}" for hit in hits):
            return self._other_library(question, named.other, hits, sources)
        if "分馆" in question.text:
            members = tuple({code for hit in hits if (code := owner(hit.item)).endswith("分馆")}) or members
        evidence = self._of_members(question.text, hits, members)
        elsewhere = evidence is None and bool(members) and not named.members
        if elsewhere:
            everyone = self.reader.judge(question.text, hits[: self.reader.passages])
            evidence = everyone if refusal.rules_enough(everyone.confidence, everyone.missing) else None
        if evidence is None:
            return None
        said = rules.policy(evidence, sources, members=members, language=question.language, elsewhere=elsewhere)
        differ = not members and len(rules.differing(rules.fitted(evidence))) > 1
        return _said(said, evidence, reason="rules_differ" if differ else None)

    def _of_members(self, question: str, hits: Sequence[PassageHit], members: Sequence[str]) -> Evidence | None:
        """Evidence that is enough, of ``members`` and the consortium; without members, of every library.

        One library's rules are judged at a time, since the same rule of five libraries would hide that one answers.
        """
        first = members or ((owner(hits[0].item),) if hits else ())
        judged = [hit for hit in hits if owner(hit.item) in ("", *first)]
        evidence = self.reader.judge(question, judged[: self.reader.passages])
        if not refusal.rules_enough(evidence.confidence, evidence.missing):
            return None
        return evidence if members else self.reader.judge(question, hits[: self.reader.passages])

    def _other_library(self, question: Question, name: str, hits: Sequence[PassageHit], sources: Sources) -> Reply:
        self._near(hits, sources)
        return Reply.refusal("other_library", say("other_library", question.language, name=name))

    def _same(self, codes: Sequence[str]) -> tuple[str, ...]:
        """The codes, and those of other sites of the same libraries."""
        known = self._members()
        wanted = {known.get(code, code) for code in codes}
        return (*codes, *(code for code, name in known.items() if name in wanted and code not in codes))

    # everything

    def _everything(
        self, question: Question, audiences: frozenset[str], sources: Sources, ruled: Reply | None
    ) -> Reply:
        evidence = self.reader.gather(question.text, audiences)
        named = self._named(evidence.hits)
        if named is not None:
            return self._known(question, named, evidence, sources)
        if ruled is not None and ruled.confidence >= evidence.confidence - 0.1:
            return ruled
        kind = evidence.units[0].hit.item.kind if evidence.units else ""
        if evidence.judgement != "enough":
            if ruled is None and kind in _RULES and evidence.judgement == "partly":
                ruled = self._rules(question, audiences, sources)
            sure = ruled is not None and (ruled.refused or ruled.confidence >= refusal.ENOUGH)
            return ruled if ruled is not None and sure else self._refusal(question, evidence, sources)
        if kind == "catalogue":
            return self._records(question, evidence, sources) or self._refusal(question, evidence, sources)
        if kind in _RULES:
            return ruled or self._rules(question, audiences, sources) or self._refusal(question, evidence, sources)
        if kind == "standard":
            item = evidence.units[0].hit.item
            return _said(extractive.standard(item, _of(evidence, item), question.text, sources), evidence)
        return _said(extractive.direct(evidence, question.text, sources), evidence)

    def _named(self, hits: Sequence[PassageHit]) -> Any:
        """The record or standard that the question names by number or exact title, if any."""
        first = hits[0] if hits else None
        if first is None or first.match != "identifier" or first.item.kind not in ("catalogue", "standard"):
            return None
        return first.item

    def _known(self, question: Question, item: Any, evidence: Evidence, sources: Sources) -> Reply:
        language = question.language
        if item.kind == "standard":
            said = extractive.standard(item, _of(evidence, item), question.text, sources)
            return Reply(sentences=tuple(said), near=evidence.hits)
        told = extractive.facts(item, question.text, sources, language) or extractive.listing([item], sources, language)
        return Reply(sentences=tuple(told), actions=requests([item], language))

    def _records(self, question: Question, evidence: Evidence, sources: Sources) -> Reply | None:
        """Records that fit; None when a fact is asked (馆长是谁) that no record states."""
        found = [unit.hit.item for unit in evidence.units if unit.hit.item.kind == "catalogue"]
        items = list({item.id: item for item in found}.values())
        asked = folded(question.text)
        items = [one for one in items if named_creator(one, asked)] or items[:LISTED]
        said = extractive.facts(items[0], question.text, sources, question.language)
        if said:
            items = items[:1]
        elif wanted(asked) not in ("other", "yes_no"):
            return None
        said = said or extractive.listing(items, sources, question.language)
        return Reply(sentences=tuple(said), actions=requests(items, question.language), confidence=evidence.confidence)

    def _refusal(self, question: Question, evidence: Evidence, sources: Sources) -> Reply:
        language = question.language
        near = self._near(evidence.hits, sources)
        words = [
            say("refusal", language, searched=say("everything", language)),
            say("refusal_near", language) if near else "",
            say("refusal_next", language),
        ]
        return Reply.refusal(
            "thin_evidence" if near else "no_evidence",
            ("" if language == "zh" else " ").join(part for part in words if part),
            confidence=evidence.confidence,
        )

    def _near(self, hits: Sequence[PassageHit], sources: Sources) -> bool:
        """Number the three nearest items, to be shown as such; were there any?"""
        for item in list({hit.item.id: hit.item for hit in hits}.values())[:3]:
            sources.number(item)
        return bool(hits)

    # finishing

    def _sources(self, question: Question) -> Sources:
        return Sources(member=question.member, names=self._names)

    def _finish(self, question: Question, reply: Reply, sources: Sources) -> Answer:
        listed = sources.listed()
        language = question.language
        opens = [
            Action(kind="open", label=say("open", language), url=source.url, title=source.title)
            for source in listed
            if source.url and reply.sentences
        ]
        handoff = [Action(kind="handoff", label=say("handoff", language))] if reply.handoff or reply.sentences else []
        return Answer(
            intent=question.intent,
            refused=reply.refused,
            reason=reply.reason,
            text=reply.words or streaming.joined(reply.sentences, language),
            sentences=reply.sentences,
            sources=listed,
            actions=(*reply.actions, *opens[:1], *handoff),
            suggestions=_suggestions(listed, reply.near, language),
            provenance=Provenance(prompt="extractive", model="", snapshot=self.engine.snapshot_name()),
            confidence=reply.confidence,
        )


def _parts(question: Question) -> list[Question]:
    """What a question asks, each with its own intent; a part that names no library is asked of the same one."""
    texts = split_parts(question.text)
    if len(texts) == 1:
        return [question]
    made = []
    for text in texts:
        intent = read(text).intent
        made.append(
            Question(
                text=text,
                intent=intent if intent not in _OWN_WORDS else Intent.QUESTION,
                language=question.language,
                member=question.member,
                focus=question.focus,
            )
        )
    return made


def _said(sentences: Sequence[Any], evidence: Evidence, *, reason: str | None = None) -> Reply:
    return Reply(sentences=tuple(sentences), confidence=evidence.confidence, near=evidence.hits, reason=reason)


def _of(evidence: Evidence, item: Any) -> list[Any]:
    return [unit for unit in evidence.units if unit.hit.item.id == item.id]


def _suggestions(cited: Sequence[Source], near: Sequence[PassageHit], language: Language) -> tuple[str, ...]:
    """Up to three next questions in the reader's language whose answers are known to be there: near questions of the
    FAQ, who holds a book."""
    known = {source.id for source in cited}
    faq = [hit.item.title for hit in near if hit.item.kind == "faq" and hit.item.id not in known]
    asked = [title for title in faq if language_of(title) == language]
    several = [source for source in cited if source.holdings] if len(cited) > 1 else []
    held = [say("where_held", language, title=source.title) for source in several]
    return tuple(dict.fromkeys([*asked, *held]))[:3]
