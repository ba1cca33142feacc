"""An unfinished snapshot being filled: changes go in, a manifest comes out."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from indexer.columns import CODED, Columns, Dictionary, SegmentWriter
from indexer.lexical import LexicalReader, LexicalWriter
from indexer.merging import Part, merge, suffix_to_merge
from indexer.progress import Progress
from indexer.records import Change, IndexItem, Passage, Withdrawn
from indexer.snapshot import Fingerprints, Manifest, SegmentEntry, Stored
from indexer.tokens import Tokeniser
from indexer.vectors import Moments, VectorFile, open_rows

_BATCH = 256

Half = NDArray[np.float16]


class PassageEmbedder(Protocol):
    """What a build needs of an embedding model."""

    @property
    def fingerprint(self) -> str: ...

    @property
    def dimension(self) -> int: ...

    def embed_passages(self, texts: Sequence[str]) -> NDArray[np.float32]: ...


@dataclass(slots=True)
class Counts:
    """What happened to the items and texts of a build."""

    indexed: int = 0
    withdrawn: int = 0
    embedded: int = 0
    reused: int = 0


def passage_text(passage: Passage) -> str:
    """What is embedded of a passage: its context, then its characters."""
    return f"{passage.context}\n{passage.text}" if passage.context else passage.text


def text_hash(text: str) -> bytes:
    """Names a text, so that one already embedded is not embedded again (96 bit, hexadecimal)."""
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=12).hexdigest().encode()


class Assembly:
    """One unfinished snapshot directory, continued from ``base`` where there is one.

    ``path`` holds ``base``'s files already. ``embeddings`` gives the vectors of texts.
    """

    def __init__(
        self, path: Path, base: Stored | None, *, embeddings: Embeddings, tokeniser: Tokeniser, counts: Counts
    ) -> None:
        self._path = path
        self._embeddings = embeddings
        self._counts = counts
        self._dimension = embeddings.dimension
        words = base.manifest.dictionaries if base else {}
        self._dictionaries = {name: Dictionary(words.get(name, ())) for name in CODED}
        self._next = base.manifest.next_number if base else 1
        self._parts = _carried(path, base) if base else []
        self._moments = Moments.load(path / "moments.npz") if base else Moments.empty(self._dimension)
        self._reader = LexicalReader(base.path) if base else None
        self._lexical = LexicalWriter(path, tokeniser)
        self._columns = SegmentWriter(self._dictionaries)
        self._here: dict[str, int] = {}
        self._dead_here: set[int] = set()
        self._folder = self._new_folder()
        self._vectors = VectorFile(self._folder, self._dimension)

    def apply(self, changes: Iterator[Change], progress: Progress) -> None:
        """Take in all changes, batch by batch."""
        try:
            while batch := list(islice(changes, _BATCH)):
                self._take(list({_id(change): change for change in batch}.values()))
                progress.advance(len(batch))
        except BaseException:
            self._lexical.abandon()
            self._vectors.abandon()
            raise

    def finish(self, head: int, fingerprints: Fingerprints) -> Manifest:
        """Close all files; the new snapshot's manifest, which shows the catalogue's revision ``head``."""
        self._close_segment()
        self._lexical.commit()
        self._merge_small()
        for part in self._parts:
            if part.changed:
                _replace_array(self._path / f"alive-{part.name}.npy", part.alive)
        (self._path / "moments.npz").unlink(missing_ok=True)
        self._moments.save(self._path / "moments.npz")
        return Manifest(
            name="",
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            revision=head,
            next_number=self._next,
            fingerprints=fingerprints,
            dictionaries={name: dictionary.words for name, dictionary in self._dictionaries.items()},
            segments=tuple(_entry(part) for part in self._parts),
        )

    def _new_folder(self) -> Path:
        taken = [int(part.name) for part in self._parts]
        folder = self._path / "segments" / f"{max(taken, default=0) + 1:06d}"
        folder.mkdir(parents=True)
        return folder

    def _take(self, batch: list[Change]) -> None:
        for change in batch:
            found = self._forget(_id(change))
            if isinstance(change, Withdrawn) and found:
                self._counts.withdrawn += 1
        entries = [change for change in batch if isinstance(change, IndexItem)]
        texts = [[passage_text(passage) for passage in entry.passages] for entry in entries]
        hashes = [[text_hash(text) for text in of_item] for of_item in texts]
        vectors = self._embeddings.of([text for of in texts for text in of], [digest for of in hashes for digest in of])
        self._moments.add(self._vectors.append(vectors))
        for entry, of_item in zip(entries, hashes, strict=True):
            self._here[entry.item.id] = len(self._columns.numbers)
            self._lexical.add(self._next, entry)
            self._columns.add(self._next, entry, of_item)
            self._next += 1
        self._counts.indexed += len(entries)

    def _forget(self, item_id: str) -> bool:
        """Take an item out of everything. Was it there?"""
        here = self._here.pop(item_id, None)
        if here is not None:
            self._lexical.remove(item_id)
            self._dead_here.add(here)
            return True
        number = self._reader.number_of(item_id) if self._reader else None
        if number is None:
            return False
        for part in self._parts:
            place = int(part.columns.index_of(np.array([number]))[0])
            if place >= 0 and part.alive[place]:
                part.alive[place] = False
                part.changed = True
                rows = part.rows_of(place)
                self._moments.add(rows, sign=-1)
                self._embeddings.offer(part.columns.hashes_of(place), rows)
                self._lexical.remove(item_id)
                return True
        return False

    def _close_segment(self) -> None:
        self._columns.write(self._folder)
        self._vectors.close()
        alive = np.ones(len(self._columns.numbers), dtype=np.bool_)
        alive[list(self._dead_here)] = False
        part = Part(self._folder, self._dimension, alive, changed=True)
        for place in self._dead_here:
            self._moments.add(part.rows_of(place), sign=-1)
        self._parts.append(part)

    def _merge_small(self) -> None:
        """Write the newest small segments as one, so that a search meets few of them."""
        count = suffix_to_merge([part.rows for part in self._parts])
        if count > 1:
            merged = merge(self._parts[-count:], self._new_folder(), self._dimension)
            for part in self._parts[-count:]:
                part.delete()
                (self._path / f"alive-{part.name}.npy").unlink(missing_ok=True)
            self._parts[-count:] = [merged]


class Embeddings:
    """Embeds texts, but takes the vector of a text that the same model embedded before."""

    def __init__(self, embedder: PassageEmbedder, counts: Counts) -> None:
        self._embedder = embedder
        self._counts = counts
        self._known: dict[bytes, Half] = {}
        self.dimension = embedder.dimension

    def remember(self, former: Stored) -> None:
        """Reuse what ``former`` embedded; nothing, when that was another model."""
        if former.manifest.fingerprints.model != self._embedder.fingerprint:
            return
        for entry in former.manifest.segments:
            folder = former.path / "segments" / entry.name
            rows = open_rows(folder, self.dimension)
            self._known.update(zip((bytes(one) for one in Columns.open(folder).text_hashes), rows, strict=True))

    def offer(self, hashes: Sequence[bytes], rows: Half) -> None:
        """An item goes: its texts may come again with the changed item."""
        self._known.update((bytes(digest), np.array(row)) for digest, row in zip(hashes, rows, strict=True))

    def of(self, texts: Sequence[str], hashes: Sequence[bytes]) -> Half:
        """Vectors for ``texts``, each row rounded to half precision."""
        missing = {digest: place for place, digest in enumerate(hashes) if digest not in self._known}
        fresh: dict[bytes, Half] = {}
        if missing:
            vectors = self._embedder.embed_passages([texts[place] for place in missing.values()]).astype(np.float16)
            fresh = dict(zip(missing, vectors, strict=True))
        result = np.zeros((len(texts), self.dimension), dtype=np.float16)
        for place, digest in enumerate(hashes):
            result[place] = fresh[digest] if digest in fresh else self._known[digest]
        self._counts.embedded += len(missing)
        self._counts.reused += len(texts) - len(missing)
        return result


def _id(change: Change) -> str:
    return change.item_id if isinstance(change, Withdrawn) else change.item.id


def _carried(path: Path, base: Stored) -> list[Part]:
    dimension = base.manifest.fingerprints.dimension
    return [
        Part(path / "segments" / entry.name, dimension, np.load(path / f"alive-{entry.name}.npy"))
        for entry in base.manifest.segments
    ]


def _entry(part: Part) -> SegmentEntry:
    return SegmentEntry(name=part.name, items=len(part.columns), rows=part.rows, live=int(part.alive.sum()))


def _replace_array(path: Path, array: NDArray[np.bool_]) -> None:
    # The file may be a hard link into the former snapshot, which must keep its own.
    path.unlink(missing_ok=True)
    np.save(path, array)
