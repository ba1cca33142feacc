"""Answers put together from quotations alone: pure composition over evidence and found items."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from backend.answer.asking import wanted
from backend.answer.citing import Sources, locator
from backend.answer.evidence import Evidence, Unit, owner
from backend.answer.items import describe, fact, is_status
from backend.answer.replies import say
from backend.answer.sentences import is_step, split
from backend.answer.values import Language, Sentence
from backend.search.query import folded

MOST = 3
"""Sentences of a direct answer."""

CLOSE = 1.6
"""Log-odds behind the best sentence within which another sentence is said, too."""

OWN_FIRST = 2.0
"""Log-odds that the asker's own rule may stand behind another library's and still be the answer."""

DIFFERS = 1.2
"""Log-odds within which several libraries' rules answer alike: then each is said."""

_LABEL = re.compile(r"^\s*(答|问|A|Q|答案|回答)\s*[：:]\s*")
_OPEN_END = re.compile(r"[；;，,：:]\s*$")
_TITLED = 24
"""Characters of a title that may be put before a sentence which does not name its subject."""


def direct(evidence: Evidence, question: str, sources: Sources) -> list[Sentence]:
    """The best sentences, or the steps of a procedure in their order; each says what it is about."""
    if not evidence.units:
        return []
    best = evidence.units[0]
    if wanted(folded(question)) == "how_to" and (steps := _steps(best)):
        return [_step(unit, sources) for unit in steps]
    lead = _subject(best, question)
    return [_said(unit, sources, lead=lead if not at else "") for at, unit in enumerate(_close(evidence.units))]


def _close(units: Sequence[Unit]) -> list[Unit]:
    """The best unit and those close behind it that say something else."""
    kept: list[Unit] = []
    for unit in units:
        told = folded(unit.text)
        if len(kept) < MOST and unit.score >= units[0].score - CLOSE and not any(folded(k.text) == told for k in kept):
            kept.append(unit)
    return kept


def _subject(unit: Unit, question: str) -> str:
    """``范廷颂：`` before a sentence of an article on him that does not name him, when the question does."""
    title = unit.hit.item.title.strip()
    key = folded(title)
    known = unit.hit.item.kind in ("document", "news", "research") and 0 < len(title) <= _TITLED
    return f"{title}：" if known and key in folded(question) and key not in folded(unit.text) else ""


def _said(unit: Unit, sources: Sources, *, lead: str = "") -> Sentence:
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
    told = _OPEN_END.sub("。", " ".join(item.text[start:end].split()))
    return sources.sentence(lead + told, [sources.cite(item, start, end, locator=place)])


def _step(unit: Unit, sources: Sources) -> Sentence:
    """A step as it is written: what closes it stays, the next one follows on a line of its own."""
    item, span = unit.hit.item, unit.span
    told = " ".join(item.text[span.start : span.end].split())
    return sources.sentence(
        told, [sources.cite(item, span.start, span.end, locator=locator(unit.hit.item, unit.hit.passage))]
    )


def _steps(best: Unit) -> list[Unit]:
    """The numbered sentences around the best one, in order, with the line that announces them; or nothing."""
    passage, item = best.hit.passage, best.hit.item
    spans = split(item.text, start=passage.start, end=passage.end)
    steps = [at for at, span in enumerate(spans) if is_step(item.text[span.start : span.end])]
    if len(steps) < 2:
        return []
    first = steps[0]
    announced = first > 0 and item.text[spans[first - 1].start : spans[first - 1].end].rstrip().endswith(("：", ":"))
    chosen = [first - 1, *steps] if announced else steps
    return [replace(best, span=spans[at]) for at in chosen[:9]]


def policy(
    evidence: Evidence, question: str, sources: Sources, *, members: Sequence[str], language: Language
) -> list[Sentence]:
    """Rules: the asker's own (or the named) library's first, then the consortium's, else others'; it says whose."""
    if not evidence.units:
        return []
    groups = by_owner(evidence.units)
    first = _whose(groups, evidence.units, members)
    best = groups[first][0]
    if wanted(folded(question)) == "how_to" and (steps := _steps(best)):
        said = [_step(unit, sources) for unit in steps]
        return [_led(said[0], _lead(first, best, sources, language)), *said[1:]]
    if first not in ("", *members) and len(differing(evidence.units)) > 1:
        return [_of(unit, code, sources, language) for code, unit in differing(evidence.units)]
    return [
        _said(unit, sources, lead=_lead(first, unit, sources, language) if not at else "")
        for at, unit in enumerate(_close(groups[first]))
    ]


def by_owner(units: Sequence[Unit]) -> dict[str, list[Unit]]:
    """Units by the member whose rule they are, best first."""
    groups: dict[str, list[Unit]] = {}
    for unit in units:
        groups.setdefault(owner(unit.hit.item), []).append(unit)
    return groups


def differing(units: Sequence[Unit]) -> list[tuple[str, Unit]]:
    """The best unit of each library whose rule answers about as well as the best: two of them are a conflict."""
    near = [(code, own[0]) for code, own in by_owner(units).items() if own[0].score >= units[0].score - DIFFERS]
    return [(code, unit) for code, unit in near if code][:4]


def _whose(groups: dict[str, list[Unit]], units: Sequence[Unit], members: Sequence[str]) -> str:
    """Whose rule answers: the asker's own when it is nearly as good as the best, else the best one's owner."""
    best = units[0]
    own = [code for code in members if code in groups]
    if own and groups[own[0]][0].score >= best.score - OWN_FIRST:
        return own[0]
    common = groups.get("")
    if common and common[0].score >= best.score - DIFFERS:
        return ""
    return owner(best.hit.item)


def _lead(code: str, unit: Unit, sources: Sources, language: Language) -> str:
    """Whose rule it is, unless the sentence says so itself."""
    name = sources.name(code) if code else ""
    return say("rule_of", language, member=name) if name and name not in unit.text else ""


def _of(unit: Unit, code: str, sources: Sources, language: Language) -> Sentence:
    return _said(unit, sources, lead=_lead(code, unit, sources, language))


def _led(sentence: Sentence, lead: str) -> Sentence:
    return sentence.model_copy(update={"text": lead + sentence.text})


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
