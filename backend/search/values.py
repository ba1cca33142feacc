"""What goes into a search and what comes out of it.

The JSON of :class:`SearchPage` is the contract of ``GET /api/search``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from indexer.records import Holding, Identifier, Passage, StoredItem

MAX_QUERY = 2_000
"""Characters of a question that are read; what is beyond is ignored and said so in ``SearchPage.truncated``."""

MAX_DEPTH = 1_000
"""Hits that a query can be paged through."""


class Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Filters(Frozen):
    """What every hit must satisfy. Several values of one filter are alternatives; different filters all apply."""

    collections: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    members: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    year_from: int | None = None
    year_to: int | None = None
    available: bool = False


class SearchRequest(Frozen):
    """One search. ``page`` counts from 1; ``grouped`` shows each work once, its other editions under it."""

    q: str
    filters: Filters = Filters()
    page: int = Field(default=1, ge=1)
    size: int = Field(default=10, ge=1, le=100)
    grouped: bool = False


class IdentifierView(Frozen):
    scheme: str
    value: str
    display: str = ""

    @classmethod
    def of(cls, identifier: Identifier) -> IdentifierView:
        return cls(scheme=identifier.scheme, value=identifier.value, display=identifier.display)


class HoldingView(Frozen):
    """One member's copies of a record as a reader sees them."""

    member: str
    call_number: str = ""
    location: str = ""
    available: bool = True
    loanable: bool = True
    copyable: bool = True
    status: str = "unknown"
    copies: int = 1

    @classmethod
    def of(cls, holding: Holding) -> HoldingView:
        return cls(
            member=holding.member,
            call_number=holding.call_number,
            location=holding.location,
            available=holding.available,
            loanable=holding.loanable,
            copyable=holding.copyable,
            status=holding.status,
            copies=holding.copies,
        )


def holding_views(holdings: Sequence[Holding], *, own_member: str | None = None) -> tuple[HoldingView, ...]:
    """The asker's own member first, then what can be had today, then by member code."""
    ordered = sorted(holdings, key=lambda h: (h.member != own_member, not h.available, h.member, h.call_number))
    return tuple(HoldingView.of(holding) for holding in ordered)


class Edition(Frozen):
    """Another manifestation of the same work."""

    id: str
    title: str
    publisher: str = ""
    year: int | None = None


class Hit(Frozen):
    """One found item. ``highlights`` are ``[start, end)`` character offsets into ``snippet``."""

    id: str
    source_id: str
    collection: str
    kind: str
    title: str
    creators: tuple[str, ...] = ()
    publisher: str = ""
    year: int | None = None
    identifiers: tuple[IdentifierView, ...] = ()
    snippet: str = ""
    highlights: tuple[tuple[int, int], ...] = ()
    holdings: tuple[HoldingView, ...] = ()
    score: float = 0.0
    why: str = ""
    url: str = ""
    work_id: str | None = None
    editions: tuple[Edition, ...] = ()


class FacetValue(Frozen):
    value: str
    count: int


class Facets(Frozen):
    """Counts of everything the query found under its filters, most frequent first."""

    collection: tuple[FacetValue, ...] = ()
    kind: tuple[FacetValue, ...] = ()
    member: tuple[FacetValue, ...] = ()
    year: tuple[FacetValue, ...] = ()
    language: tuple[FacetValue, ...] = ()
    clc: tuple[FacetValue, ...] = ()
    available: tuple[FacetValue, ...] = ()


class SearchPage(Frozen):
    """The answer to a search. ``suggestions``: other wordings that would find something, when this one finds little."""

    total: int
    took_ms: float
    hits: tuple[Hit, ...] = ()
    facets: Facets = Facets()
    page: int = 1
    size: int = 10
    truncated: bool = False
    suggestions: tuple[str, ...] = ()
    snapshot: str = ""


class RecordView(Frozen):
    """``GET /api/records/{id}``: the stored item with the characters that citations quote."""

    id: str
    source_id: str
    collection: str
    kind: str
    title: str
    text: str
    creators: tuple[str, ...] = ()
    publisher: str = ""
    year: int | None = None
    date: str = ""
    url: str = ""
    language: str = ""
    identifiers: tuple[IdentifierView, ...] = ()
    classifications: tuple[str, ...] = ()
    subjects: tuple[str, ...] = ()
    series: tuple[str, ...] = ()
    abstract: str = ""
    work_id: str | None = None
    editions: tuple[Edition, ...] = ()
    holdings: tuple[HoldingView, ...] = ()


Match = Literal["identifier", "call_number", "title", "title_start", "words", "meaning", "both"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PassageHit:
    """A passage that may hold the answer.

    ``cosine`` to the question; ``z`` the question's own z-score of that cosine over the whole index; ``bm25`` raw;
    ``coverage`` the share (0–1) of the question's token weight that occurs in the passage or its context.
    """

    item: StoredItem
    passage: Passage
    score: float
    cosine: float
    z: float
    bm25: float
    coverage: float
    match: Match = "both"
