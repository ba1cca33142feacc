"""Answers put together from quotations alone: pure composition over evidence and found items."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from backend.answer.asking import wanted
from backend.answer.citing import Sources, locator
from backend.answer.evidence import Evidence, Unit
from backend.answer.instructions import for_readers
from backend.answer.items import describe, fact, is_status
from backend.answer.sentences import is_step, split
from backend.answer.values import Language, Sentence
from backend.search.query import folded

MOST = 3
"""Sentences of a direct answer."""

CLOSE = 1.6
"""Log-odds behind the best sentence within which another sentence is said, too."""

_LABEL = re.compile(r"^\s*(答|问|A|Q|答案|回答)\s*[：:]\s*")
_OPEN_END = re.compile(r"[；;，,：:]\s*$")
_HAN = re.compile(r"[\u3400-\u9fff]")
_TITLED = 24
"""Characters of a title that may be put before a sentence which does not name its subject."""


def direct(evidence: Evidence, question: str, sources: Sources) -> list[Sentence]:
    """The best sentences, or the steps of a procedure in their order; each says what it is about."""
    if not evidence.units:
        return []
    best = evidence.units[0]
    if wanted(folded(question)) == "how_to" and (numbered := steps(best)):
        return [step(unit, sources) for unit in numbered]
    lead = _subject(best, question)
    return [said(unit, sources, lead=lead if not at else "") for at, unit in enumerate(_close(evidence.units))]


def _close(units: Sequence[Unit]) -> list[Unit]:
    """The best unit and those close behind it that say something else; the second is said in any case where it is of
    the same item and not far behind, since it mostly completes the first."""
    kept: list[Unit] = []
    for unit in units:
        told = folded(unit.text)
        margin = CLOSE if unit.hit.item.id == units[0].hit.item.id else CLOSE / 2
        known = any(folded(one.text) == told for one in kept)
        if len(kept) < MOST and unit.score >= units[0].score - margin and not known:
            kept.append(unit)
    return kept


def _subject(unit: Unit, question: str) -> str:
    """``范廷颂：`` before a sentence of an article on him that does not name him, when the question does."""
    title = unit.hit.item.title.strip()
    key = folded(title)
    known = unit.hit.item.kind in ("document", "news", "research") and 0 < len(title) <= _TITLED
    return f"{title}：" if known and key in folded(question) and key not in folded(unit.text) else ""


def said(unit: Unit, sources: Sources, *, lead: str = "") -> Sentence:
    """A unit as a sentence that cites it, behind ``lead``."""
    return _quoted(
        unit.hit.item,
        unit.span.start,
        unit.span.end,
        sources,
        lead=lead,
        place=locator(unit.hit.item, unit.hit.passage),
    )


def _quoted(item: Any, start: int, end: int, sources: Sources, *, lead: str = "", place: str | None = None) -> Sentence:
    label = _LABEL.match(item.text[start:end])
    start += label.end() if label else 0
    told = " ".join(item.text[start:end].split())
    told = _OPEN_END.sub("。" if _HAN.search(told) else ".", told)
    return sources.sentence(lead + told, [sources.cite(item, start, end, locator=place)])


def step(unit: Unit, sources: Sources) -> Sentence:
    """A step as it is written: what closes it stays, the next one follows on a line of its own."""
    item, span = unit.hit.item, unit.span
    told = " ".join(item.text[span.start : span.end].split())
    return sources.sentence(
        told, [sources.cite(item, span.start, span.end, locator=locator(unit.hit.item, unit.hit.passage))]
    )


def steps(best: Unit) -> list[Unit]:
    """The numbered sentences around the best one, in order, with the line that announces them; or nothing."""
    passage, item = best.hit.passage, best.hit.item
    spans = for_readers(item.text, split(item.text, start=passage.start, end=passage.end))
    numbered = [at for at, span in enumerate(spans) if is_step(item.text[span.start : span.end])]
    if len(numbered) < 2:
        return []
    first = numbered[0]
    announced = first > 0 and item.text[spans[first - 1].start : spans[first - 1].end].rstrip().endswith(("：", ":"))
    chosen = [first - 1, *numbered] if announced else numbered
    return [replace(best, span=spans[at]) for at in chosen[:9]]


def listing(items: Sequence[Any], sources: Sources, language: Language) -> list[Sentence]:
    """Found items, one line each, numbered as a reader will refer to them (第二本)."""
    several = len(items) > 1
    lines = [
        describe(item, sources, language, ordinal=at if several else None) for at, item in enumerate(items, start=1)
    ]
    return [line for line in lines if line is not None]


def standard(item: Any, units: Sequence[Unit], question: str, sources: Sources) -> list[Sentence]:
    """A standard: what is asked of it first, then its status and what replaced it."""
    asked = [unit for unit in units[:1] if wanted(folded(question)) in ("when", "who", "how_many", "where")]
    spans = [unit.span for unit in asked] + [
        span for span in split(item.text) if is_status(item.text[span.start : span.end])
    ]
    chosen = list(dict.fromkeys(spans))[:3] or split(item.text)[:2]
    return [_quoted(item, span.start, span.end, sources) for span in chosen]


def facts(item: Any, question: str, sources: Sources, language: Language) -> list[Sentence]:
    """What the record itself says of who wrote it or when it appeared, where that is asked; else nothing."""
    said = fact(item, folded(question), sources)
    line = describe(item, sources, language)
    return [said, *([line] if line else [])] if said and language == "zh" else []
