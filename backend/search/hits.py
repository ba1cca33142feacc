"""Candidates → hits as a reader sees them: best passage, reasons, holdings, editions of one work together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from backend.search import fuse
from backend.search.candidates import Candidates
from backend.search.fuse import Candidate
from backend.search.snippets import snippet
from backend.search.values import Edition, Hit, IdentifierView, holding_views
from indexer.records import StoredItem
from indexer.view import IndexView


class Items(Protocol):
    """What hits need of the catalogue."""

    def get(self, ids: Sequence[str]) -> dict[str, StoredItem]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A candidate with its stored item and the span of its best passage."""

    candidate: Candidate
    item: StoredItem
    span: tuple[int, int]


def shown(view: IndexView, catalogue: Items, ranked: Sequence[Candidate], audiences: frozenset[str]) -> list[Shown]:
    """The stored items of ``ranked``.

    The catalogue may be ahead of the snapshot: what it has hidden or dropped meanwhile is not shown.
    """
    numbers = np.array([candidate.number for candidate in ranked], dtype=np.int64)
    ids = view.ids(numbers)
    items = catalogue.get([item_id for item_id in ids if item_id])
    spans = view.spans(numbers, np.array([candidate.ordinal for candidate in ranked], dtype=np.int64))
    return [
        Shown(candidate=candidate, item=items[item_id], span=span)
        for candidate, item_id, span in zip(ranked, ids, spans, strict=True)
        if item_id in items and items[item_id].audience in audiences
    ]


def grouped(entries: Sequence[Shown]) -> list[list[Shown]]:
    """Manifestations of one work together, where its best one stands."""
    works: dict[str, list[Shown]] = {}
    for entry in entries:
        works.setdefault(entry.item.work_id or f"item {entry.item.id}", []).append(entry)
    return list(works.values())


def hit(found: Candidates, entries: Sequence[Shown], *, own_member: str | None) -> Hit:
    """The first of ``entries`` as a hit, the others as its editions."""
    best, *others = entries
    item, (start, end) = best.item, best.span
    shown_text = item.text[start:end] or item.text
    text, spans = snippet(shown_text, found.highlight_words, otherwise=found.highlight_tokens)
    return Hit(
        id=item.id,
        source_id=item.source_id,
        collection=item.collection,
        kind=item.kind,
        title=item.title,
        creators=item.creators,
        publisher=item.publisher,
        year=item.year,
        identifiers=tuple(IdentifierView.of(identifier) for identifier in item.identifiers),
        snippet=text,
        highlights=spans,
        holdings=holding_views(item.holdings, own_member=own_member),
        score=round(best.candidate.score, 4),
        why=fuse.explain(best.candidate),
        url=item.url,
        work_id=item.work_id,
        editions=tuple(edition(entry.item) for entry in others),
    )


def edition(item: StoredItem) -> Edition:
    """An item as another manifestation of a work."""
    return Edition(id=item.id, title=item.title, publisher=item.publisher, year=item.year)
