"""The frozen values of delivery: what goes in, what is looked up, what is shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal, Protocol

from pydantic import BaseModel, ConfigDict

from backend.delivery.lifecycle import Side

Service = Literal["loan", "copy"]


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldingRef:
    """A member's copies as far as delivery cares."""

    member: str
    call_number: str = ""
    location: str = ""
    available: bool = True
    loanable: bool = True
    copyable: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemRef:
    """A record: what a request keeps of it."""

    id: str
    title: str
    kind: str = "catalogue"
    creators: tuple[str, ...] = ()
    publisher: str = ""
    year: int | None = None
    isbn: str = ""
    issn: str = ""
    extent: str = ""
    holdings: tuple[HoldingRef, ...] = ()


class ItemLookup(Protocol):
    """Port to the catalogue, wired to the search engine."""

    def item(self, record_id: str, audiences: frozenset[str]) -> ItemRef | None:
        """The record, when the caller may see it."""

    def match(self, citation: str, audiences: frozenset[str]) -> Sequence[ItemRef]:
        """Records that a free-text citation may mean, best first; empty when nothing is close."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who acts. ``key`` identifies them for idempotency and audit; ``member`` is their library (None: none)."""

    side: Literal["patron", "staff", "office", "timer", "peer"]
    key: str
    name: str = ""
    member: str | None = None


TIMER = Actor(side="timer", key="timer", name="系统")


class PatronIn(BaseModel):
    model_config = ConfigDict(frozen=True, str_strip_whitespace=True)

    name: str
    contact: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestDraft:
    """A request as it comes in. ``item`` None: only ``citation`` is known. ``pages``: which ones, as written."""

    member: str
    service: Service
    item: ItemRef | None
    citation: str = ""
    patron_name: str = ""
    patron_contact: str = ""
    pages: str = ""
    page_count: int | None = None
    needed_by: date | None = None
    pickup: str = ""
    delivery: str = ""
    note: str = ""
    matched: str = ""
    peer_request_id: str | None = None


class SupplierView(BaseModel):
    code: str
    name: str


class HistoryView(BaseModel):
    """One step. ``text`` is in the reader's words; ``reason`` and ``action`` are for the desk."""

    at: datetime
    state: str
    state_label: str
    text: str
    actor: str = ""
    action: str = ""
    reason: str = ""


class RotaView(BaseModel):
    position: int
    supplier: SupplierView
    state: str
    state_label: str
    score: float
    reasons: list[str]


class DownloadView(BaseModel):
    """An electronic delivery: a link that expires and is counted."""

    url: str
    expires_at: datetime
    remaining: int


class RequestView(BaseModel):
    """A request as a reader or librarian sees it; patron data only where the viewer may have it."""

    number: str
    state: str
    state_label: str
    service: str
    title: str
    record_id: str | None = None
    citation: str = ""
    matched: str = ""
    pages: str = ""
    message: str
    next_step: str
    supplier: SupplierView | None = None
    requester: SupplierView | None = None
    created_at: datetime
    updated_at: datetime
    needed_by: date | None = None
    due: date | None = None
    pickup: str = ""
    delivery: str = ""
    page_count: int | None = None
    note: str = ""
    can_cancel: bool = False
    can_erase: bool = False
    actions: list[dict[str, Any]] = []
    history: list[HistoryView] = []
    rota: list[RotaView] = []
    download: DownloadView | None = None
    patron: PatronIn | None = None
    attention: bool = False
    version: int = 0
    sides: list[Side] = []
