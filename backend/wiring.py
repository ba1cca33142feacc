"""Adapters between domains that do not know each other: one small class a port."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from backend.consortium import members
from backend.core.db import Database
from backend.delivery.values import HoldingRef, ItemRef
from backend.search.engine import SearchEngine
from backend.search.values import SearchRequest
from indexer.records import StoredItem


class EngineItems:
    """Delivery's port ``ItemLookup`` over the search engine, made when first used (it loads the model)."""

    def __init__(self, engine: Callable[[], SearchEngine]) -> None:
        self._engine = engine

    def item(self, record_id: str, audiences: frozenset[str]) -> ItemRef | None:
        """The record, when the caller may see it."""
        found = self._engine().item(record_id, audiences)
        return item_ref(found) if found else None

    def match(self, citation: str, audiences: frozenset[str]) -> Sequence[ItemRef]:
        """Records that a citation may mean: those that share a known-item key or the title with it, best first."""
        page = self._engine().search(SearchRequest(q=citation, size=3), audiences)
        found = [self._engine().item(hit.id, audiences) for hit in page.hits if "完全" in hit.why or "题名" in hit.why]
        return [item_ref(item) for item in found if item]


def item_ref(item: StoredItem) -> ItemRef:
    """What a request keeps of an item."""
    identifiers = {identifier.scheme: identifier.value for identifier in reversed(item.identifiers)}
    return ItemRef(
        id=item.id,
        title=item.title,
        kind=item.kind,
        creators=item.creators,
        publisher=item.publisher,
        year=item.year,
        isbn=identifiers.get("isbn", ""),
        issn=identifiers.get("issn", ""),
        extent=str(item.metadata.get("extent", "")),
        holdings=tuple(
            HoldingRef(
                member=holding.member,
                call_number=holding.call_number,
                location=holding.location,
                available=holding.available,
                loanable=holding.loanable,
                copyable=holding.copyable,
            )
            for holding in item.holdings
        ),
    )


class MemberNames:
    """Codes to names, for answers and pages; read from the database at most every ``seconds``."""

    def __init__(self, database: Database, *, seconds: float = 10.0) -> None:
        self._database = database
        self._seconds = seconds
        self._names: dict[str, str] = {}
        self._read = 0.0

    def __call__(self, code: str) -> str:
        """The member's name; the code itself for one that is not a member."""
        if code not in self._names or time.monotonic() - self._read > self._seconds:
            with self._database.read() as session:
                self._names = {member.code: member.name for member in members.list_members(session)}
            self._read = time.monotonic()
        return self._names.get(code, code)
