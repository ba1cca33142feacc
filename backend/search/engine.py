"""The search port: hybrid search, single items, passages for answers. Knows what a caller may see only as audiences."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from backend.core.errors import InputError
from backend.search import hits, query
from backend.search.candidates import Candidates, find, nearest
from backend.search.facets import facets_of
from backend.search.passages import find_passages
from backend.search.query import ParsedQuery
from backend.search.suggest import misspelt, suggestions
from backend.search.values import (
    MAX_DEPTH,
    Edition,
    Filters,
    Hit,
    PassageHit,
    SearchPage,
    SearchRequest,
)
from backend.search.views import Views
from indexer.records import Passage, StoredItem
from indexer.snapshot import SnapshotStore
from indexer.tokens import Tokeniser
from indexer.view import IndexView, Narrow

QUESTIONS_KEPT = 2_000
"""Questions whose vectors are kept: 3 MB."""
FEW = 3
"""Items found by words below which other wordings are suggested."""


class Items(Protocol):
    """What search needs of the catalogue."""

    def get(self, ids: Sequence[str]) -> dict[str, StoredItem]: ...

    def excerpts(self, around: Mapping[str, int], *, size: int) -> dict[str, tuple[str, str]]: ...

    def item(self, item_id: str) -> StoredItem | None: ...

    def passages(self, item_id: str) -> list[Passage]: ...

    def same_work(self, work_id: str) -> list[StoredItem]: ...


class QueryEmbedder(Protocol):
    """What search needs of the embedding model."""

    @property
    def fingerprint(self) -> str: ...

    def embed_queries(self, texts: Sequence[str]) -> NDArray[np.float32]: ...


class SearchEngine:
    """Searches the current snapshot of one index. Thread-safe."""

    def __init__(
        self, snapshots: SnapshotStore, catalogue: Items, embedder: QueryEmbedder, *, tokeniser: Tokeniser | None = None
    ) -> None:
        self.embedder = embedder
        self.tokeniser = tokeniser or Tokeniser()
        self._catalogue = catalogue
        self._pool = ThreadPoolExecutor(os.cpu_count() or 2, thread_name_prefix="search")
        # The next page, another filter: the same question again, and embedding it is the dearest part of a search.
        self._embedded = lru_cache(maxsize=QUESTIONS_KEPT)(self._embed_text)
        self._views = Views(snapshots, model=embedder.fingerprint, tokeniser=self.tokeniser.fingerprint)

    def search(self, request: SearchRequest, audiences: frozenset[str], *, own_member: str | None = None) -> SearchPage:
        """One page of hits, best first, with facets over everything found.

        :raises InputError: when the question holds no letter or digit.
        :raises NotReady: when there is no usable index.
        """
        started = time.perf_counter()
        parsed = query.parse(request.q)
        if parsed.empty:
            raise InputError("请输入要查找的内容。")
        view = self._views.current()
        narrow = narrowed(request.filters, audiences)
        found = self._find(view, parsed, narrow, depth=min(request.page * request.size, MAX_DEPTH))
        shown = self._hits(view, found, request, audiences, own_member)
        return SearchPage(
            total=found.total,
            took_ms=round((time.perf_counter() - started) * 1000, 2),
            hits=shown,
            facets=facets_of(found.counts()),
            page=request.page,
            size=request.size,
            truncated=parsed.truncated,
            suggestions=self._suggestions(view, parsed, narrow, found),
            snapshot=view.name,
        )

    def item(self, item_id: str, audiences: frozenset[str]) -> StoredItem | None:
        """An item by id, or None when there is none that this caller may see."""
        item = self._catalogue.item(item_id) if len(item_id) <= 64 else None
        return item if item is not None and item.audience in audiences else None

    def passages(
        self,
        question: str,
        audiences: frozenset[str],
        *,
        limit: int,
        kinds: Sequence[str] | None = None,
        collections: Sequence[str] | None = None,
        members: Sequence[str] | None = None,
    ) -> list[PassageHit]:
        """The passages nearest to a question, best first, with what an answer needs to judge them.

        :raises NotReady: when there is no usable index.
        """
        parsed = query.parse(question)
        if parsed.empty:
            return []
        narrow = Narrow(
            audiences=audiences,
            kinds=tuple(kinds or ()),
            collections=tuple(collections or ()),
            members=tuple(members or ()),
        )
        view = self._views.current()
        vector = self._embed(parsed)
        return find_passages(view, self.tokeniser, self._catalogue, parsed, vector, narrow, limit=limit)

    def warm(self) -> None:
        """Load index, dictionary and model before the first reader asks.

        :raises NotReady: when there is no usable index.
        """
        self.embedder.embed_queries(["预热"])
        self.tokeniser.tokens("预热")
        self._views.current()

    def snapshot_name(self) -> str:
        """Name of the serving snapshot.

        :raises NotReady: when there is no usable index.
        """
        return self._views.current().name

    def refresh(self) -> str:
        """Pick up a snapshot that was just written, without waiting for the next look."""
        return self._views.refresh().name

    def editions(self, item: StoredItem, audiences: frozenset[str]) -> tuple[Edition, ...]:
        """The other visible manifestations of the item's work, newest first."""
        if not item.work_id:
            return ()
        others = [
            other
            for other in self._catalogue.same_work(item.work_id)
            if other.id != item.id and other.audience in audiences
        ]
        others.sort(key=lambda other: (-(other.year or 0), other.id))
        return tuple(hits.edition(other) for other in others)

    def similar(self, item_id: str, audiences: frozenset[str], *, limit: int = 10) -> tuple[Hit, ...]:
        """What is most like an item in meaning, other works only; nothing for an item that is not in the index.

        :raises NotReady: when there is no usable index.
        """
        item = self.item(item_id, audiences)
        view = self._views.current()
        vector = view.vector_of(item_id) if item else None
        if item is None or vector is None:
            return ()
        found = nearest(view, vector, Narrow(audiences=audiences), depth=limit * 4 + 10)
        entries = hits.shown(view, self._catalogue, found.ranked, audiences)
        others = [
            entry
            for entry in entries
            if entry.item.id != item.id and (not item.work_id or entry.item.work_id != item.work_id)
        ]
        return tuple(hits.hit(found, group, own_member=None) for group in hits.grouped(others)[:limit])

    def _embed(self, parsed: ParsedQuery) -> NDArray[np.float32]:
        return self._embedded(parsed.text)

    def _embed_text(self, text: str) -> NDArray[np.float32]:
        vector = np.asarray(self.embedder.embed_queries([text])[0], dtype=np.float32)
        vector.setflags(write=False)
        return vector

    def _find(self, view: IndexView, parsed: ParsedQuery, narrow: Narrow, *, depth: int) -> Candidates:
        return find(
            view,
            self.tokeniser,
            parsed,
            lambda: self._embed(parsed),
            narrow,
            self._pool,
            depth=depth,
            read=self._catalogue.excerpts,
        )

    def _suggestions(self, view: IndexView, parsed: ParsedQuery, narrow: Narrow, found: Candidates) -> tuple[str, ...]:
        few = found.by_words < FEW
        if found.named or not (few or misspelt(view, parsed, found.highlight_tokens)):
            return ()
        return suggestions(view, self._catalogue, parsed, narrow, spelling=few)

    def _hits(
        self,
        view: IndexView,
        found: Candidates,
        request: SearchRequest,
        audiences: frozenset[str],
        own_member: str | None,
    ) -> tuple[Hit, ...]:
        first = (request.page - 1) * request.size
        if first >= MAX_DEPTH:
            return ()
        if request.grouped:
            entries = hits.shown(view, self._catalogue, found.ranked[:MAX_DEPTH], audiences)
            groups = hits.grouped(entries)[first : first + request.size]
        else:
            page = found.ranked[first : first + request.size]
            groups = [[entry] for entry in hits.shown(view, self._catalogue, page, audiences)]
        return tuple(hits.hit(found, group, own_member=own_member) for group in groups)


def narrowed(filters: Filters, audiences: frozenset[str]) -> Narrow:
    """The filters of a request, within what the caller may see."""
    return Narrow(
        audiences=audiences,
        collections=filters.collections,
        kinds=filters.kinds,
        languages=filters.languages,
        classes=tuple(value[:1].upper() for value in filters.classes),
        members=filters.members,
        available=filters.available,
        year_from=filters.year_from,
        year_to=filters.year_to,
    )
