"""Passage vectors of one segment: half-precision rows on disk, a FAISS index over them, their first two moments.

Small segments are scanned (FAISS half-precision flat index); from :data:`IVF_FROM` rows on an inverted file over
8-bit codes proposes candidates that the stored rows then score again. A filter that leaves few rows is always scanned
exactly: an inverted file loses hits under it.
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import faiss as faiss_library
import numpy as np
from numpy.typing import NDArray

# The library's own annotations miss what it adds to its classes at run time.
faiss: Any = faiss_library

IVF_FROM = 40_000
"""Rows from which the inverted file is quicker than a scan without losing a measurable share of hits."""
EXACT_UP_TO = 16_000
"""Rows left by a filter up to which they are scored one by one: from there on probing more lists is quicker."""
_PROBES = 96
"""Lists that are looked at: of a million made-up vectors .83 of the ten nearest are found in 2.4 ms, with half as many
lists .74 in 1.3."""
_TRAINING_PER_LIST = 40
_SCANNED = 50_000
_ALONE = 400

Vectors = NDArray[np.float32]
Mask = NDArray[np.bool_]


def lists_for(rows: int) -> int:
    """Inverted lists for a segment of ``rows``: a power of two near twice the square root, 2048 at a million."""
    return 1 << max(4, round(math.log2(2 * math.sqrt(rows))))


class VectorFile:
    """Appends vectors to ``vectors.f16`` (row-major, little-endian half precision)."""

    def __init__(self, directory: Path, dimension: int) -> None:
        self._path = directory / "vectors.f16"
        self._handle = self._path.open("wb")
        self._directory = directory
        self._dimension = dimension
        self.rows = 0

    def append(self, vectors: Vectors | NDArray[np.float16]) -> NDArray[np.float16]:
        """Store rows; returns them as stored, rounded."""
        rounded = np.ascontiguousarray(vectors, dtype="<f2").reshape(-1, self._dimension)
        self._handle.write(rounded.tobytes())
        self.rows += len(rounded)
        return rounded

    def close(self) -> None:
        """Finish the file and, for a large segment, build its inverted file."""
        self._handle.close()
        if self.rows >= IVF_FROM:
            _build_ivf(open_rows(self._directory, self._dimension), self._directory / "ivf.faiss")

    def abandon(self) -> None:
        self._handle.close()


def open_rows(directory: Path, dimension: int) -> NDArray[np.float16]:
    """The stored vectors, mapped; shape rows × dimension."""
    path = directory / "vectors.f16"
    if path.stat().st_size == 0:
        return np.zeros((0, dimension), dtype="<f2")
    # As a plain array: memmap's own indexing costs ten times the gathering of a row.
    return np.asarray(np.memmap(path, dtype="<f2", mode="r")).reshape(-1, dimension)


def _build_ivf(rows: NDArray[np.float16], path: Path) -> None:
    count, dimension = rows.shape
    lists = lists_for(count)
    index = faiss.IndexIVFScalarQuantizer(
        faiss.IndexFlatIP(dimension), dimension, lists, faiss.ScalarQuantizer.QT_8bit, faiss.METRIC_INNER_PRODUCT
    )
    wanted = min(count, lists * _TRAINING_PER_LIST)
    sample = np.random.default_rng(7).choice(count, size=wanted, replace=False)
    faiss.omp_set_num_threads(os.cpu_count() or 1)
    index.train(rows[np.sort(sample)].astype(np.float32))
    for start in range(0, count, 50_000):
        index.add(rows[start : start + 50_000].astype(np.float32))
    faiss.write_index(index, str(path))


class Allowed:
    """The rows of a segment that a filter leaves, in every form that a search of them needs."""

    def __init__(self, mask: Mask) -> None:
        self.count = int(np.count_nonzero(mask))
        self.size = len(mask)
        self.bits = np.packbits(mask, bitorder="little")
        self.rows = np.flatnonzero(mask) if self.count <= EXACT_UP_TO else None
        """Their numbers, when they are few."""

    @property
    def all(self) -> bool:
        return self.count == self.size

    def numbers(self) -> NDArray[np.int64]:
        if self.rows is not None:
            return self.rows
        return np.flatnonzero(np.unpackbits(self.bits, count=self.size, bitorder="little"))


class VectorSegment:
    """Nearest rows of one segment."""

    def __init__(self, directory: Path, dimension: int) -> None:
        self.rows = open_rows(directory, dimension)
        self._ivf: Any = None
        self._flat: Any = None
        ivf = directory / "ivf.faiss"
        if ivf.exists():
            self._ivf = faiss.read_index(str(ivf), faiss.IO_FLAG_MMAP | faiss.IO_FLAG_READ_ONLY)
            # Else every question starts 32 threads that touch the pages of its lists first: made for disks that are
            # slow, it costs two thirds of a search where the lists are in memory.
            faiss.downcast_InvertedLists(self._ivf.invlists).prefetch_nthread = 0
        elif len(self.rows):
            self._flat = faiss.IndexScalarQuantizer(
                dimension, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT
            )
            self._flat.train(np.zeros((1, dimension), dtype=np.float32))
            for start in range(0, len(self.rows), 20_000):
                self._flat.add(self.rows[start : start + 20_000].astype(np.float32))

    def __len__(self) -> int:
        return len(self.rows)

    def cosines(self, query: Vectors, rows: NDArray[np.int64]) -> Vectors:
        """Exact cosine of ``query`` (dimension) to the given rows."""
        wide = self.rows[rows].astype(np.float32)
        # of many rows a matrix product would be shared among threads that wait in a busy loop: twice the processor time
        return np.einsum("ij,j->i", wide, query) if len(rows) > _ALONE else np.asarray(wide @ query)

    def nearest(self, query: Vectors, limit: int, *, allowed: Allowed) -> tuple[NDArray[np.int64], Vectors]:
        """Up to ``limit`` allowed rows with the highest cosine, best first."""
        if not allowed.count:
            return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.float32)
        few = allowed.size // (2 if self._flat is None else 20)
        if allowed.rows is not None and allowed.count <= max(few, limit):
            rows = allowed.rows
        else:
            rows = self._candidates(query, min(limit, allowed.count), allowed)
        cosines = self.cosines(query, rows)
        best = np.argsort(-cosines, kind="stable")[:limit]
        return rows[best], cosines[best]

    def scan(self, query: Vectors, limit: int, *, allowed: Allowed) -> tuple[NDArray[np.int64], Vectors]:
        """What :meth:`nearest` gives, by comparing with every allowed row: slow and exact."""
        rows = allowed.numbers()
        pieces = [self.cosines(query, rows[start : start + _SCANNED]) for start in range(0, len(rows), _SCANNED)]
        cosines = np.concatenate(pieces) if pieces else np.empty(0, dtype=np.float32)
        best = np.argsort(-cosines, kind="stable")[:limit]
        return rows[best], cosines[best]

    def _candidates(self, query: Vectors, limit: int, allowed: Allowed) -> NDArray[np.int64]:
        # OpenMP's threads would wait for each other in a busy loop, which costs a single question more than they help.
        faiss.omp_set_num_threads(1)
        selector = None if allowed.all else faiss.IDSelectorBitmap(allowed.bits)
        if self._ivf is not None:
            # as large a part of the allowed rows as an index of them alone, with its fewer lists, would look at
            probes = min(self._ivf.nlist, int(_PROBES * math.sqrt(allowed.size / allowed.count)) + 1)
            parameters = faiss.SearchParametersIVF(nprobe=probes, sel=selector)
            _, found = self._ivf.search(query[None, :], limit, params=parameters)
        else:
            _, found = self._flat.search(query[None, :], limit, params=faiss.SearchParameters(sel=selector))
        rows: NDArray[np.int64] = found[0]
        return rows[rows >= 0]


@dataclass(slots=True)
class Moments:
    """Count, sum and sum of outer products of all live passage vectors: what the z-score of a cosine needs."""

    count: int
    total: NDArray[np.float64]
    outer: NDArray[np.float64]

    @classmethod
    def empty(cls, dimension: int) -> Moments:
        return cls(0, np.zeros(dimension), np.zeros((dimension, dimension)))

    def add(self, vectors: NDArray[np.float16], *, sign: int = 1) -> None:
        """Count vectors in, or with ``sign`` −1 out again."""
        if not len(vectors):
            return
        wide = vectors.astype(np.float32)
        self.count += sign * len(wide)
        self.total += sign * wide.sum(axis=0, dtype=np.float64)
        self.outer += sign * (wide.T @ wide).astype(np.float64)

    def save(self, path: Path) -> None:
        with path.open("wb") as handle:
            np.savez(handle, count=self.count, total=self.total, outer=self.outer)

    @classmethod
    def load(cls, path: Path) -> Moments:
        with np.load(path) as stored:
            return cls(int(stored["count"]), stored["total"], stored["outer"])

    def scorer(self) -> ZScore:
        if self.count < 2:
            return ZScore(self.total, np.eye(len(self.total)))
        mean = self.total / self.count
        covariance = self.outer / self.count - np.outer(mean, mean)
        return ZScore(mean, covariance)


@dataclass(frozen=True, slots=True)
class ZScore:
    """How unusual a cosine to a query is among all passages: ``(cos − q·m) / √(qᵀCq)``, exact without a scan."""

    mean: NDArray[np.float64]
    covariance: NDArray[np.float64]

    def scale(self, query: Vectors) -> tuple[float, float]:
        """Mean and standard deviation of the cosines of all passages to ``query``."""
        wide = query.astype(np.float64)
        variance = float(wide @ self.covariance @ wide)
        return float(wide @ self.mean), max(float(np.sqrt(max(variance, 0.0))), 1e-4)
