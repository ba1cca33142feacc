"""Items of the catalogue that a question asks for: those it points at, else those that search finds and that fit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from backend.answer import constraints
from backend.answer.evidence import SearchPort
from backend.answer.replies import say
from backend.answer.values import Action, Language, Question
from backend.search.query import folded, parse
from backend.search.values import SearchRequest

LISTED = 5
"""Items in a list of found items."""

LOOKED_AT = 30
"""Hits that are looked through for those."""

FITTING = 0.6
"""Share of the asked tokens that a record must speak of."""

STEM = 4
"""Letters that forms of a Latin word share at least."""

_NAMED_TIER = 95
"""Tier from which a known item was named by a number."""


class Shelf:
    """Finds items with one search engine. Thread-safe."""

    def __init__(self, engine: SearchPort) -> None:
        self._engine = engine

    def pointed_at(self, question: Question, audiences: frozenset[str]) -> list[Any]:
        """The items of the turn before that the question is about."""
        found = [self._engine.item(item_id, audiences) for item_id in question.focus]
        return [item for item in found if item is not None]

    def find(self, question: Question, audiences: frozenset[str], *, this_year: int) -> list[Any]:
        """Up to :data:`LISTED` items that satisfy the question's constraints and speak of its subject."""
        wish = constraints.read(question.text, this_year=this_year)
        if not wish.subject and not any(wish.filters.model_dump().values()):
            return []
        filters = wish.filters.model_copy(update={"kinds": ("catalogue",)})
        named = any(known.tier >= _NAMED_TIER for known in parse(question.text).known) or "《" in question.text
        words = question.text if named else wish.subject or wish.words
        request = SearchRequest(q=words, filters=filters, size=LOOKED_AT)
        page = self._engine.search(request, audiences, own_member=question.member)
        items = [self._engine.item(hit.id, audiences) for hit in page.hits]
        asked = set(self._engine.tokeniser.tokens(wish.subject))
        fitting = [item for item in items if item is not None and self._about(item, asked)]
        if wish.newest:
            fitting.sort(key=lambda item: -(item.year or 0))
        fitting.sort(key=lambda item: not written_by(item, wish.subject))
        return fitting[:LISTED]

    def subject(self, text: str) -> str:
        """What a question about items is about, without its constraints and asking words."""
        return constraints.read(text, this_year=0).subject

    def _about(self, item: Any, asked: set[str]) -> bool:
        if not asked:
            return True
        words = [item.title, item.text, *item.creators, *item.title_variants, *item.romanised, *item.subjects]
        words += [identifier.value for identifier in item.identifiers]
        told = set(self._engine.tokeniser.tokens(" ".join(words)))
        return sum(token in told or _inflected(token, told) for token in asked) >= FITTING * len(asked)


def _inflected(token: str, told: set[str]) -> bool:
    """Does a text hold another form of a Latin word: Chinese and China, library and libraries?"""
    if not token.isascii() or not token.isalpha() or len(token) < STEM:
        return False
    stem = token[: max(STEM, round(len(token) * 0.6))]
    return any(word.startswith(stem) for word in told)


def written_by(item: Any, subject: str) -> bool:
    """Is the subject (folded) one of the item's creators? X的书 are first of all those that X wrote."""
    return bool(subject) and any(subject in folded(name) for name in item.creators)


def named_creator(item: Any, question: str) -> bool:
    """Does a folded question name one of the item's creators?"""
    return any(len(name) > 1 and name in question for name in map(folded, item.creators))


def requests(items: Sequence[Any], language: Language) -> tuple[Action, ...]:
    """One action to request each of the first items that some member lends or copies."""
    actions = []
    for item in items[:3]:
        able = {
            "loan": any(holding.loanable for holding in item.holdings),
            "copy": any(holding.copyable for holding in item.holdings),
        }
        services = tuple(name for name, possible in able.items() if possible)
        if services:
            label = say("request", language, title=item.title)
            actions.append(Action(kind="request", label=label, record_id=item.id, title=item.title, services=services))
    return tuple(actions)
