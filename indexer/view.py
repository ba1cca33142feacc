"""One opened snapshot: words and vectors under one filter, by item number."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from indexer.columns import NO_YEAR, Columns, Dictionary
from indexer.lexical import LexicalFilter, LexicalReader
from indexer.snapshot import Stored
from indexer.vectors import Allowed, Mask, Moments, Vectors, VectorSegment

_CODED = ("audience", "collection", "kind", "language", "clc")
_MASKS_KEPT = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Narrow:
    """What an item must satisfy; an empty tuple (``audiences`` excepted, where it allows nothing) asks nothing."""

    audiences: frozenset[str]
    collections: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    members: tuple[str, ...] = ()
    available: bool = False
    year_from: int | None = None
    year_to: int | None = None

    def terms(self) -> dict[str, Sequence[str]]:
        """The same as terms of the lexical index, by field."""
        terms: dict[str, Sequence[str]] = {"audience": sorted(self.audiences)}
        for name, values in (
            ("collection", self.collections),
            ("kind", self.kinds),
            ("language", self.languages),
            ("clc", self.classes),
        ):
            if values:
                terms[name] = values
        if self.members:
            terms["held" if self.available else "member"] = self.members
        return terms


@dataclass(frozen=True, slots=True)
class Near:
    """Passages near a question: item number and passage ordinal of each, with its cosine, best first."""

    numbers: NDArray[np.int64]
    ordinals: NDArray[np.int64]
    cosines: Vectors


class _Content:
    """A segment's columns and vectors: the same in every snapshot that shares its files."""

    def __init__(self, folder: Path, dimension: int) -> None:
        self.columns = Columns.open(folder)
        self.vectors = VectorSegment(folder, dimension)
        self.row_items = self.columns.row_items()


class _Segment:
    """A segment with its live items in one snapshot."""

    def __init__(self, content: _Content, alive: Mask) -> None:
        self.content = content
        self.columns = content.columns
        self.vectors = content.vectors
        self.row_items = content.row_items
        self.alive = alive


class IndexView:
    """A snapshot ready to be searched. Immutable and thread-safe; several may be open at once."""

    def __init__(self, stored: Stored, *, former: IndexView | None = None) -> None:
        """Open ``stored``; what it shares with ``former`` is not opened again."""
        manifest = stored.manifest
        self.name = stored.name
        self.revision = manifest.revision
        self.fingerprints = manifest.fingerprints
        self.lexical = LexicalReader(stored.path)
        self.z = Moments.load(stored.path / "moments.npz").scorer()
        self._dictionaries = {name: Dictionary(words) for name, words in manifest.dictionaries.items()}
        self._contents: dict[tuple[str, str], _Content] = _contents(stored, former._contents if former else {})
        self._segments = [
            _Segment(content, np.load(stored.path / f"alive-{name}.npy"))
            for (name, _), content in self._contents.items()
        ]
        self._masks: OrderedDict[Narrow, list[Allowed]] = OrderedDict()
        self._lock = threading.Lock()

    def lexical_filter(self, narrow: Narrow, *, numbers: Sequence[int] | None = None) -> LexicalFilter:
        """``narrow`` for the lexical engine."""
        terms = narrow.terms()
        if narrow.available and not narrow.members:
            # Held somewhere today: any member at all.
            terms["held"] = self._dictionaries["member"].words or ["\x00"]
        return LexicalFilter(terms=terms, year_from=narrow.year_from, year_to=narrow.year_to, numbers=numbers)

    def near(self, query: Vectors, narrow: Narrow, *, limit: int) -> Near:
        """The ``limit`` allowed passages with the highest cosine to ``query``, over all segments."""
        numbers, ordinals, cosines = [], [], []
        for segment, allowed in zip(self._segments, self._allowed(narrow), strict=True):
            rows, scores = segment.vectors.nearest(query, limit, allowed=allowed)
            items = segment.row_items[rows]
            numbers.append(segment.columns.numbers[items])
            ordinals.append(rows - segment.columns.row_starts[items])
            cosines.append(scores)
        return _best(numbers, ordinals, cosines, limit)

    def best_passages(self, query: Vectors, numbers: NDArray[np.int64]) -> tuple[NDArray[np.int64], Vectors]:
        """For each item its best passage's ordinal and exact cosine (−1 and −1.0 for an item that is not here)."""
        ordinals = np.full(len(numbers), -1, dtype=np.int64)
        cosines = np.full(len(numbers), -1.0, dtype=np.float32)
        for segment in self._segments:
            places = segment.columns.index_of(numbers)
            here = np.flatnonzero(places >= 0)
            if len(here):
                first = np.asarray(segment.columns.row_starts[places[here]])
                counts = segment.columns.row_starts[places[here] + 1] - first
                starts = np.cumsum(counts) - counts
                rows = np.repeat(first - starts, counts) + np.arange(int(counts.sum()))
                scores = segment.vectors.cosines(query, rows)
                cosines[here] = np.maximum.reduceat(scores, starts)
                best = np.flatnonzero(scores == np.repeat(cosines[here], counts))[::-1]
                item = np.repeat(np.arange(len(here)), counts)[best]
                ordinals[here[item]] = best - starts[item]  # of equal ones the first, which is written last
        return ordinals, cosines

    def vector_of(self, item_id: str) -> Vectors | None:
        """The mean direction of an item's passages; None when it is not in the index."""
        number = self.lexical.number_of(item_id)
        for segment in self._segments:
            place = int(segment.columns.index_of(np.array([-1 if number is None else number]))[0])
            if place >= 0:
                first, last = segment.columns.row_starts[place : place + 2]
                mean = segment.vectors.rows[first:last].astype(np.float32).mean(axis=0)
                return np.asarray(mean / max(float(np.linalg.norm(mean)), 1e-9), dtype=np.float32)
        return None

    def cosines(self, query: Vectors, numbers: NDArray[np.int64], ordinals: NDArray[np.int64]) -> Vectors:
        """Exact cosine of single passages."""
        result = np.full(len(numbers), -1.0, dtype=np.float32)
        for segment in self._segments:
            places = segment.columns.index_of(numbers)
            here = np.flatnonzero(places >= 0)
            if len(here):
                rows = segment.columns.row_starts[places[here]] + ordinals[here]
                result[here] = segment.vectors.cosines(query, rows)
        return result

    def spans(self, numbers: NDArray[np.int64], ordinals: NDArray[np.int64]) -> list[tuple[int, int]]:
        """Start and end of passages in their items' texts; (0, 0) for what is not here."""
        result = [(0, 0)] * len(numbers)
        for segment in self._segments:
            places = segment.columns.index_of(numbers)
            for at in np.flatnonzero((places >= 0) & (ordinals >= 0)):
                row = segment.columns.row_starts[places[at]] + ordinals[at]
                result[at] = (int(segment.columns.passage_from[row]), int(segment.columns.passage_to[row]))
        return result

    def years(self, numbers: NDArray[np.int64]) -> list[int]:
        """Items' years; 0 for what has none or is not here."""
        result = np.full(len(numbers), NO_YEAR, dtype=np.int64)
        for segment in self._segments:
            places = segment.columns.index_of(numbers)
            result[places >= 0] = segment.columns.year[places[places >= 0]]
        return [0 if year == NO_YEAR else int(year) for year in result]

    def ids(self, numbers: NDArray[np.int64]) -> list[str]:
        """Item ids; empty strings for numbers that are not live here."""
        result = [""] * len(numbers)
        for segment in self._segments:
            places = segment.columns.index_of(numbers)
            for at in np.flatnonzero(places >= 0):
                if segment.alive[places[at]]:
                    result[at] = bytes(segment.columns.ids[places[at]]).decode()
        return result

    def _allowed(self, narrow: Narrow) -> list[Allowed]:
        with self._lock:
            kept = self._masks.get(narrow)
            if kept is not None:
                self._masks.move_to_end(narrow)
                return kept
        masks = []
        for segment in self._segments:
            items = segment.alive & self._matching(segment.columns, narrow)
            masks.append(Allowed(items[segment.row_items]))
        with self._lock:
            self._masks[narrow] = masks
            while len(self._masks) > _MASKS_KEPT:
                self._masks.popitem(last=False)
        return masks

    def _matching(self, columns: Columns, narrow: Narrow) -> Mask:
        mask: Mask = np.ones(len(columns), dtype=np.bool_)
        terms = narrow.terms()
        for name in _CODED:
            if name in terms:
                codes = self._dictionaries[name].codes(list(terms[name]))
                mask &= np.isin(getattr(columns, name), np.array(codes, dtype=np.uint16))
        if narrow.year_from is not None or narrow.year_to is not None:
            low = -9999 if narrow.year_from is None else max(narrow.year_from, -9999)
            high = 9999 if narrow.year_to is None else min(narrow.year_to, 9999)
            mask &= (columns.year >= low) & (columns.year <= high) & (columns.year != NO_YEAR)
        if narrow.members or narrow.available:
            mask &= self._held(columns, narrow)
        return mask

    def _held(self, columns: Columns, narrow: Narrow) -> Mask:
        wanted: Mask = np.ones(len(columns.held), dtype=np.bool_)
        if narrow.members:
            codes = self._dictionaries["member"].codes(narrow.members)
            wanted &= np.isin(columns.held >> 1, np.array(codes, dtype=np.uint32))
        if narrow.available:
            wanted &= (columns.held & 1) == 1
        mask = np.zeros(len(columns), dtype=np.bool_)
        mask[columns.held_items()[wanted]] = True
        return mask


def _contents(stored: Stored, opened: Mapping[tuple[str, str], _Content]) -> dict[tuple[str, str], _Content]:
    """The segments of a snapshot by name and digest of their vectors and numbers, oldest first."""
    contents: dict[tuple[str, str], _Content] = {}
    for entry in stored.manifest.segments:
        if entry.items:
            folder = f"segments/{entry.name}"
            digests = [
                stored.manifest.files[f"{folder}/{name}"][0] for name in ("numbers.npy", "ids.npy", "vectors.f16")
            ]
            key = (entry.name, "-".join(digests))
            dimension = stored.manifest.fingerprints.dimension
            contents[key] = opened.get(key) or _Content(stored.path / folder, dimension)
    return contents


def _best(
    numbers: list[NDArray[np.int64]], ordinals: list[NDArray[np.int64]], cosines: list[Vectors], limit: int
) -> Near:
    if not numbers:
        return Near(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.float32))
    all_cosines = np.concatenate(cosines)
    best = np.argsort(-all_cosines, kind="stable")[:limit]
    return Near(np.concatenate(numbers)[best], np.concatenate(ordinals)[best], all_cosines[best])
