"""The values that travel from a source to the index: frozen, slotted, compared by content.

A *source* yields :class:`Record` (bibliographic) and :class:`Document` (standard, news, research result, policy, FAQ).
The catalogue stores each as one *item* with a stable id and a ``text``: the exact characters that every passage and
every citation quotes by offset. A :class:`Passage` is a piece of that text. :class:`IndexItem` is what the index build
reads; :class:`Withdrawn` tells it that an item is gone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

Kind = Literal["catalogue", "standard", "news", "research", "policy", "faq", "document"]
KINDS: tuple[str, ...] = get_args(Kind)

HoldingStatus = Literal["available", "on_loan", "reference", "lost", "in_process", "unknown"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Contributor:
    """A person or body responsible for a work: name as printed, MARC relator or Chinese role word, other forms."""

    name: str
    role: str | None = None
    alternates: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Identifier:
    """A known-item key. ``scheme``: isbn, issn, csbn (统一书号), standard, lccn, oclc, control. ``value`` is normalised
    (ISBN-13 without hyphens, ``GB/T 7714-2015``); ``display`` is what the source wrote."""

    scheme: str
    value: str
    display: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Classification:
    """A class mark. ``scheme``: clc (中图法), lcc, ddc, other."""

    scheme: str
    number: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """One member's copy (or copies) of a record."""

    member: str
    call_number: str = ""
    location: str = ""
    barcode: str = ""
    status: HoldingStatus = "available"
    copies: int = 1
    loanable: bool = True
    copyable: bool = True

    @property
    def available(self) -> bool:
        """Can it be used today (on the shelf, also when for reference only)?"""
        return self.status in ("available", "reference")


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One bibliographic description, as one source gives it."""

    source_id: str
    title: str
    subtitle: str = ""
    parts: tuple[str, ...] = ()
    variant_titles: tuple[str, ...] = ()
    romanised: tuple[str, ...] = ()
    contributors: tuple[Contributor, ...] = ()
    responsibility: str = ""
    edition: str = ""
    place: str = ""
    publisher: str = ""
    date: str = ""
    year: int | None = None
    extent: str = ""
    price: str = ""
    series: tuple[str, ...] = ()
    identifiers: tuple[Identifier, ...] = ()
    classifications: tuple[Classification, ...] = ()
    subjects: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    abstract: str = ""
    notes: tuple[str, ...] = ()
    material: str = "book"
    url: str = ""
    holdings: tuple[Holding, ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A stretch of a document's text with its place in the original: heading path, page (1-based), clause number."""

    start: int
    end: int
    headings: tuple[str, ...] = ()
    page: int | None = None
    clause: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One standard, article, research result, policy or FAQ entry. ``blocks`` lie in ``text`` without overlap."""

    source_id: str
    kind: Kind
    title: str
    text: str
    date: str = ""
    url: str = ""
    language: str = ""
    identifiers: tuple[Identifier, ...] = ()
    blocks: tuple[Block, ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """A piece of an item's stored text: ``item.text[start:end]``. ``context`` (title, heading path) is embedded and
    searched with it but is not part of the text. ``id`` is stable while the characters and their context are."""

    id: str
    item_id: str
    ordinal: int
    start: int
    end: int
    text: str
    context: str = ""
    page: int | None = None
    clause: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredItem:
    """A record or document as the catalogue keeps it: everything that a page, a hit or an answer shows."""

    id: str
    source_id: str
    collection: str
    audience: str
    kind: str
    title: str
    text: str
    revision: int
    creators: tuple[str, ...] = ()
    publisher: str = ""
    year: int | None = None
    date: str = ""
    url: str = ""
    language: str = ""
    identifiers: tuple[Identifier, ...] = ()
    classifications: tuple[Classification, ...] = ()
    subjects: tuple[str, ...] = ()
    series: tuple[str, ...] = ()
    title_variants: tuple[str, ...] = ()
    romanised: tuple[str, ...] = ()
    abstract: str = ""
    work_id: str | None = None
    holdings: tuple[Holding, ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexItem:
    """What the index build reads of one item: the item and its passages (at least one)."""

    item: StoredItem
    passages: tuple[Passage, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdrawn:
    """An item that must no longer be found."""

    item_id: str
    revision: int


Change = IndexItem | Withdrawn
