"""Answers put together from quotations alone: pure composition over evidence and found items."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from backend.answer import ranking
from backend.answer.citing import Sources
from backend.answer.evidence import Evidence, Unit, owner
from backend.answer.items import about_standard, describe
from backend.answer.replies import say
from backend.answer.sentences import is_step, split
from backend.answer.values import Language, Sentence
from backend.search.query import folded

MOST = 3
"""Sentences of a direct answer."""

CLOSE = 0.62
"""Share of the best sentence's score from which another sentence is said, too."""

_LABEL = re.compile(r"^\s*(答|问|A|Q|答案|回答)\s*[：:]\s*")


def direct(evidence: Evidence, question: str, sources: Sources) -> list[Sentence]:
    """The best sentences; steps of a procedure in their order."""
    if not evidence.units:
        return []
    best = evidence.units[0]
    if ranking.wanted(folded(question)) == "how_to" and (steps := _steps(best)):
        return [_quoted(unit_item, start, end, sources) for unit_item, start, end in steps]
    chosen = [unit for unit in evidence.units[:MOST] if unit.score >= CLOSE * best.score]
    return [_quoted(unit.hit.item, unit.span.start, unit.span.end, sources) for unit in chosen]


def _quoted(item: Any, start: int, end: int, sources: Sources, *, lead: str = "") -> Sentence:
    label = _LABEL.match(item.text[start:end])
    start += label.end() if label else 0
    return sources.sentence(lead + " ".join(item.text[start:end].split()), [sources.cite(item, start, end)])


def _steps(best: Unit) -> list[tuple[Any, int, int]]:
    """The numbered sentences around the best one, in order; empty when there are no two of them."""
    passage, item = best.hit.passage, best.hit.item
    spans = split(item.text, start=passage.start, end=passage.end)
    numbered = [span for span in spans if is_step(item.text[span.start : span.end])]
    return [(item, span.start, span.end) for span in numbered[:8]] if len(numbered) > 1 else []


def policy(
    evidence: Evidence, question: str, sources: Sources, *, member: str | None, language: Language
) -> list[Sentence]:
    """Rules: the asker's own member first, then the consortium's, else another member's; each says whose it is."""
    if not evidence.units:
        return []
    groups = by_owner(evidence.units)
    first = _whose(groups, evidence.units, member)
    mine = groups[first]
    best = mine[0]
    steps = _steps(best) if ranking.wanted(folded(question)) == "how_to" else []
    lead = _lead(first, sources, language)
    if steps:
        return [_quoted(i, s, e, sources, lead=lead if not at else "") for at, (i, s, e) in enumerate(steps)]
    same = [unit for unit in mine[:MOST] if unit.score >= CLOSE * best.score]
    said = [
        _quoted(u.hit.item, u.span.start, u.span.end, sources, lead=lead if not at else "") for at, u in enumerate(same)
    ]
    if first != member:
        said.extend(_others(groups, first, best.score, sources, language))
    return said


def by_owner(units: Sequence[Unit]) -> dict[str, list[Unit]]:
    """Units by the member whose rule they are, best first."""
    groups: dict[str, list[Unit]] = {}
    for unit in units:
        groups.setdefault(owner(unit.hit.item), []).append(unit)
    return groups


def _whose(groups: dict[str, list[Unit]], units: Sequence[Unit], member: str | None) -> str:
    """Whose rule answers: the asker's own when it is nearly as good as the best, else the best one's owner."""
    best = units[0]
    own = groups.get(member or "\0")
    if own and own[0].score >= 0.6 * best.score:
        return member or ""
    common = groups.get("")
    if common and common[0].score >= 0.8 * best.score:
        return ""
    return owner(best.hit.item)


def _lead(code: str, sources: Sources, language: Language) -> str:
    return say("rule_of", language, member=sources.name(code)) if code else ""


def _others(
    groups: dict[str, list[Unit]], first: str, best: float, sources: Sources, language: Language
) -> list[Sentence]:
    """One sentence of each other member whose rule is as near: rules differ, and it says whose they are."""
    rest = [
        (code, units[0]) for code, units in groups.items() if code and code != first and units[0].score >= 0.85 * best
    ]
    return [
        _quoted(u.hit.item, u.span.start, u.span.end, sources, lead=say("rule_of", language, member=sources.name(code)))
        for code, u in rest[:3]
    ]


def listing(items: Sequence[Any], sources: Sources, language: Language) -> list[Sentence]:
    """Found items, one line each, numbered as a reader will refer to them (第二本)."""
    several = len(items) > 1
    lines = [
        describe(item, sources, language, ordinal=at if several else None) for at, item in enumerate(items, start=1)
    ]
    return [line for line in lines if line is not None]


def standard(item: Any, sources: Sources) -> list[Sentence]:
    """A standard: its title, then what its text says of status and replacement."""
    spans = split(item.text)
    said = about_standard([(item, span.start, span.end) for span in spans], sources)
    if said:
        return said[:4]
    return [_quoted(item, span.start, span.end, sources) for span in spans[:2]]
