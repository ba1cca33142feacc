"""One immutable segment of an index: its items' filter columns and its passages' vectors, as mapped arrays.

Items stand in the order of their *numbers* (given once, never reused, rising); the passages of an item follow each
other, in order, so ``row_starts[i]:row_starts[i+1]`` are the vector rows of item ``i``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indexer.records import IndexItem, StoredItem

NO_YEAR = -32768
CODED = ("audience", "collection", "kind", "language", "clc", "member")
ITEM_COLUMNS = ("numbers", "ids", "audience", "collection", "kind", "language", "clc", "year")
ROW_COLUMNS = ("passage_from", "passage_to", "text_hashes")
_ARRAYS: dict[str, Any] = {
    "numbers": np.int64,
    "ids": "S32",
    "audience": np.uint16,
    "collection": np.uint16,
    "kind": np.uint16,
    "language": np.uint16,
    "clc": np.uint16,
    "year": np.int16,
    "row_starts": np.int64,
    "held_starts": np.int64,
    "held": np.uint32,
    "passage_from": np.int32,
    "passage_to": np.int32,
    "text_hashes": "S24",
}


class Dictionary:
    """Words of one coded column, append-only, so that codes keep their meaning in every later snapshot."""

    def __init__(self, words: Sequence[str] = ()) -> None:
        self.words = list(words)
        self._codes = {word: code for code, word in enumerate(self.words)}

    def add(self, word: str) -> int:
        """The code of ``word``, which is new or known."""
        code = self._codes.get(word)
        if code is None:
            code = self._codes[word] = len(self.words)
            self.words.append(word)
        return code

    def codes(self, words: Sequence[str]) -> list[int]:
        """The codes of those of ``words`` that are known."""
        return [self._codes[word] for word in words if word in self._codes]


def clc_class(item: StoredItem) -> str:
    """Top class letter of the Chinese Library Classification, or an empty string."""
    for mark in item.classifications:
        if mark.scheme == "clc" and mark.number[:1].isascii() and mark.number[:1].isalpha():
            return mark.number[0].upper()
    return ""


@dataclass(slots=True)
class SegmentWriter:
    """Collects a segment's columns in memory; vectors go to their own file as they come."""

    dictionaries: dict[str, Dictionary]
    numbers: list[int] = field(default_factory=list)
    ids: list[bytes] = field(default_factory=list)
    coded: dict[str, list[int]] = field(default_factory=lambda: {name: [] for name in CODED if name != "member"})
    years: list[int] = field(default_factory=list)
    row_starts: list[int] = field(default_factory=lambda: [0])
    held_starts: list[int] = field(default_factory=lambda: [0])
    held: list[int] = field(default_factory=list)
    passage_from: list[int] = field(default_factory=list)
    passage_to: list[int] = field(default_factory=list)
    hashes: list[bytes] = field(default_factory=list)

    def add(self, number: int, entry: IndexItem, hashes: Sequence[bytes]) -> None:
        item = entry.item
        self.numbers.append(number)
        self.ids.append(item.id.encode())
        for name, word in (
            ("audience", item.audience),
            ("collection", item.collection),
            ("kind", item.kind),
            ("language", item.language),
            ("clc", clc_class(item)),
        ):
            self.coded[name].append(self.dictionaries[name].add(word))
        year = item.year
        self.years.append(year if year is not None and -9999 <= year <= 9999 else NO_YEAR)
        self.row_starts.append(self.row_starts[-1] + len(entry.passages))
        members: dict[int, bool] = {}
        for holding in item.holdings:
            code = self.dictionaries["member"].add(holding.member)
            members[code] = members.get(code, False) or holding.available
        self.held.extend(code << 1 | here for code, here in sorted(members.items()))
        self.held_starts.append(len(self.held))
        self.passage_from.extend(passage.start for passage in entry.passages)
        self.passage_to.extend(passage.end for passage in entry.passages)
        self.hashes.extend(hashes)

    def write(self, directory: Path) -> None:
        """Store everything but the vectors."""
        values: dict[str, Sequence[int] | Sequence[bytes]] = {
            "numbers": self.numbers,
            "ids": self.ids,
            "year": self.years,
            "row_starts": self.row_starts,
            "held_starts": self.held_starts,
            "held": self.held,
            "passage_from": self.passage_from,
            "passage_to": self.passage_to,
            "text_hashes": self.hashes,
            **self.coded,
        }
        for name, dtype in _ARRAYS.items():
            np.save(directory / f"{name}.npy", np.asarray(values[name], dtype=dtype))


@dataclass(frozen=True, slots=True)
class Columns:
    """A segment's columns, mapped from disk."""

    numbers: NDArray[np.int64]
    ids: NDArray[np.bytes_]
    audience: NDArray[np.uint16]
    collection: NDArray[np.uint16]
    kind: NDArray[np.uint16]
    language: NDArray[np.uint16]
    clc: NDArray[np.uint16]
    year: NDArray[np.int16]
    row_starts: NDArray[np.int64]
    held_starts: NDArray[np.int64]
    held: NDArray[np.uint32]
    passage_from: NDArray[np.int32]
    passage_to: NDArray[np.int32]
    text_hashes: NDArray[np.bytes_]

    @classmethod
    def open(cls, directory: Path) -> Columns:
        arrays: dict[str, Any] = {name: _mapped(directory / f"{name}.npy") for name in _ARRAYS}
        return cls(**arrays)

    def __len__(self) -> int:
        return len(self.numbers)

    def index_of(self, numbers: NDArray[np.int64]) -> NDArray[np.int64]:
        """Place of each number in this segment, −1 where it lies elsewhere."""
        if not len(self.numbers):
            return np.full(len(numbers), -1, dtype=np.int64)
        places = np.minimum(np.searchsorted(self.numbers, numbers), len(self.numbers) - 1)
        return np.where(self.numbers[places] == numbers, places, -1)

    def hashes_of(self, place: int) -> list[bytes]:
        """The hashes of an item's texts."""
        first, last = self.row_starts[place : place + 2]
        return [bytes(digest) for digest in self.text_hashes[first:last]]

    def row_items(self) -> NDArray[np.int64]:
        """The item's place for every passage row."""
        return np.repeat(np.arange(len(self.numbers)), np.diff(self.row_starts))

    def held_items(self) -> NDArray[np.int64]:
        """The item's place for every entry of ``held``."""
        return np.repeat(np.arange(len(self.numbers)), np.diff(self.held_starts))


def _mapped(path: Path) -> NDArray[np.generic]:
    # An empty array cannot be mapped.
    array = np.load(path, mmap_mode="r" if path.stat().st_size > 128 else None)
    return np.asarray(array)
