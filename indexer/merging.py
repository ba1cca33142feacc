"""Several segments → one, without the dead."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from indexer.columns import ITEM_COLUMNS, ROW_COLUMNS, Columns
from indexer.vectors import VectorFile, open_rows

SMALL = 8_192
"""Passages up to which the newest segments are written together: as much as a write may do on the way."""
_CHUNK = 20_000

Half = NDArray[np.float16]


@dataclass(slots=True)
class Part:
    """A segment of an unfinished snapshot."""

    path: Path
    dimension: int
    alive: NDArray[np.bool_]
    changed: bool = False
    columns: Columns = field(init=False)

    def __post_init__(self) -> None:
        self.columns = Columns.open(self.path)

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def rows(self) -> int:
        return int(self.columns.row_starts[-1])

    def rows_of(self, place: int) -> Half:
        """The vectors of one item."""
        first, last = self.columns.row_starts[place : place + 2]
        return open_rows(self.path, self.dimension)[first:last]

    def delete(self) -> None:
        shutil.rmtree(self.path)


def suffix_to_merge(rows: Sequence[int]) -> int:
    """How many of the newest segments (``rows`` oldest first) to write as one: as many as stay small together."""
    total = count = 0
    for size in reversed(rows):
        total += size
        if total > SMALL and size:
            break
        count += 1
    return count if count > 1 else 0


def merge(parts: Sequence[Part], folder: Path, dimension: int) -> Part:
    """One segment in ``folder`` with what lives in ``parts``, in the same order."""
    alive_rows = [part.alive[part.columns.row_items()] for part in parts]
    for name in ITEM_COLUMNS:
        _save(folder, name, [getattr(part.columns, name)[part.alive] for part in parts])
    for name in ROW_COLUMNS:
        kept = zip(parts, alive_rows, strict=True)
        _save(folder, name, [getattr(part.columns, name)[alive] for part, alive in kept])
    held = [part.columns.held[part.alive[part.columns.held_items()]] for part in parts]
    _save(folder, "held", held)
    _save(folder, "row_starts", [_starts(parts, "row_starts")])
    _save(folder, "held_starts", [_starts(parts, "held_starts")])
    vectors = VectorFile(folder, dimension)
    for part, alive in zip(parts, alive_rows, strict=True):
        rows, places = open_rows(part.path, dimension), np.flatnonzero(alive)
        for start in range(0, len(places), _CHUNK):
            vectors.append(rows[places[start : start + _CHUNK]])
    vectors.close()
    count = sum(int(part.alive.sum()) for part in parts)
    return Part(folder, dimension, np.ones(count, dtype=np.bool_), changed=True)


def _starts(parts: Sequence[Part], name: str) -> NDArray[np.int64]:
    sizes = [np.diff(getattr(part.columns, name))[part.alive] for part in parts]
    return np.concatenate([[0], np.cumsum(np.concatenate(sizes))]).astype(np.int64)


def _save(folder: Path, name: str, pieces: Sequence[NDArray[np.generic]]) -> None:
    np.save(folder / f"{name}.npy", np.concatenate(pieces))
