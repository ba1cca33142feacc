"""A small library held in memory: a catalogue of changes and an embedder that counts character pairs."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from indexer.normalise import fold
from indexer.records import Change, Classification, Holding, Identifier, IndexItem, Passage, StoredItem, Withdrawn


def item(
    item_id: str,
    title: str,
    text: str = "",
    *,
    kind: str = "catalogue",
    collection: str = "books",
    audience: str = "public",
    creators: tuple[str, ...] = (),
    year: int | None = None,
    language: str = "chi",
    isbn: str = "",
    standard: str = "",
    clc: str = "",
    holdings: tuple[Holding, ...] = (),
    passage_size: int = 200,
    work: str | None = None,
    variants: tuple[str, ...] = (),
) -> IndexItem:
    """An item with its passages."""
    body = text or f"题名：{title}。责任者：{'；'.join(creators)}。"
    identifiers = []
    if isbn:
        identifiers.append(Identifier(scheme="isbn", value=isbn))
    if standard:
        identifiers.append(Identifier(scheme="standard", value=standard))
    stored = StoredItem(
        id=item_id,
        source_id=f"s-{item_id}",
        collection=collection,
        audience=audience,
        kind=kind,
        title=title,
        text=body,
        revision=0,
        creators=creators,
        year=year,
        language=language,
        identifiers=tuple(identifiers),
        classifications=(Classification(scheme="clc", number=clc),) if clc else (),
        holdings=holdings,
        work_id=work,
        title_variants=variants,
    )
    return IndexItem(item=stored, passages=_passages(stored, passage_size))


def _passages(stored: StoredItem, size: int) -> tuple[Passage, ...]:
    return tuple(
        Passage(
            id=f"{stored.id}-{ordinal}",
            item_id=stored.id,
            ordinal=ordinal,
            start=start,
            end=min(start + size, len(stored.text)),
            text=stored.text[start : start + size],
            context="" if stored.kind == "catalogue" else stored.title,
        )
        for ordinal, start in enumerate(range(0, max(len(stored.text), 1), size))
    )


class FakeCatalogue:
    """Keeps the latest state of every item and the revision at which it changed."""

    def __init__(self, entries: Sequence[IndexItem] = ()) -> None:
        self._state: dict[str, tuple[int, Change]] = {}
        self._revision = 0
        for entry in entries:
            self.put(entry)

    def put(self, entry: IndexItem) -> None:
        self._revision += 1
        self._state[entry.item.id] = (self._revision, entry)

    def withdraw(self, item_id: str) -> None:
        self._revision += 1
        self._state[item_id] = (self._revision, Withdrawn(item_id=item_id, revision=self._revision))

    def head_revision(self) -> int:
        return self._revision

    def changes(self, after: int = 0) -> Iterator[Change]:
        for revision, change in sorted(self._state.values(), key=lambda entry: entry[0]):
            if revision > after:
                yield change

    def get(self, ids: Sequence[str]) -> dict[str, StoredItem]:
        return {item_id: entry.item for item_id in ids if (entry := self._entry(item_id))}

    def excerpts(self, around: Mapping[str, int], *, size: int) -> dict[str, tuple[str, str]]:
        starts = {item_id: max(0, place - size // 2) for item_id, place in around.items()}
        return {
            key: (one.title, one.text[starts[key] : starts[key] + size]) for key, one in self.get([*around]).items()
        }

    def item(self, item_id: str) -> StoredItem | None:
        entry = self._entry(item_id)
        return entry.item if entry else None

    def passages(self, item_id: str) -> list[Passage]:
        entry = self._entry(item_id)
        return list(entry.passages) if entry else []

    def same_work(self, work_id: str) -> list[StoredItem]:
        entries = [change for _, change in self._state.values() if isinstance(change, IndexItem)]
        return [entry.item for entry in entries if entry.item.work_id == work_id]

    def _entry(self, item_id: str) -> IndexItem | None:
        change = self._state.get(item_id, (0, None))[1]
        return change if isinstance(change, IndexItem) else None


class HashingEmbedder:
    """Texts that share character pairs are near. Counts what it embeds."""

    name = "hashing"

    def __init__(self, dimension: int = 512, *, seed: str = "a") -> None:
        self.dimension = dimension
        self.fingerprint = f"hashing-{dimension}-{seed}"
        self.embedded = 0
        self._seed = seed

    def embed_passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.embedded += len(texts)
        return np.stack([self._vector(text) for text in texts])

    def embed_queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return np.stack([self._vector(text) for text in texts])

    def _vector(self, text: str) -> NDArray[np.float32]:
        folded = fold(text)
        vector = np.full(self.dimension, 0.2, dtype=np.float32)
        for first, second in pairwise(folded):
            digest = hashlib.blake2b(f"{self._seed}{first}{second}".encode(), digest_size=4).digest()
            vector[int.from_bytes(digest, "little") % self.dimension] += 1.0
        return np.asarray(vector / np.linalg.norm(vector), dtype=np.float32)
