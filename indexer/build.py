"""Catalogue → snapshot: everything at first, afterwards only what changed."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from indexer.columns import CODED, Columns, Dictionary, SegmentWriter
from indexer.lexical import LexicalReader, LexicalWriter
from indexer.progress import Progress, Silent
from indexer.records import Change, IndexItem, Passage, Withdrawn
from indexer.snapshot import (
    Fingerprints,
    Manifest,
    SegmentEntry,
    SnapshotDamaged,
    SnapshotMissing,
    SnapshotStore,
    Stored,
)
from indexer.tokens import Tokeniser
from indexer.vectors import Moments, VectorFile, open_rows

SCHEMA = "1"
"""Raise it when what is stored of an item changes: the next build is then a full one."""
_BATCH = 256
_SMALL_SEGMENT = 4_096
"""A newest segment smaller than this is written anew together with the changes, so that segments stay few."""

Half = NDArray[np.float16]


class Source(Protocol):
    """What a build needs of the catalogue."""

    def head_revision(self) -> int: ...

    def changes(self, after: int = 0) -> Iterator[Change]: ...


class PassageEmbedder(Protocol):
    """What a build needs of an embedding model."""

    @property
    def fingerprint(self) -> str: ...

    @property
    def dimension(self) -> int: ...

    def embed_passages(self, texts: Sequence[str]) -> NDArray[np.float32]: ...


class BuildFailed(Exception):
    """A new snapshot could not be written; the former one still serves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildReport:
    """What a build did. ``reason`` says in words why it was full, or that it was not."""

    snapshot: str
    full: bool
    reason: str
    indexed: int
    withdrawn: int
    embedded: int
    reused: int
    revision: int
    items: int
    seconds: float


def passage_text(passage: Passage) -> str:
    """What is embedded of a passage: its context, then its characters."""
    return f"{passage.context}\n{passage.text}" if passage.context else passage.text


def text_hash(text: str) -> bytes:
    """Names a text, so that one already embedded is not embedded again (96 bit, hexadecimal)."""
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=12).hexdigest().encode()


def build(
    catalogue: Source,
    store: SnapshotStore,
    embedder: PassageEmbedder,
    *,
    full: bool = False,
    progress: Progress | None = None,
    tokeniser: Tokeniser | None = None,
) -> BuildReport:
    """Bring the index up to the catalogue's head revision and switch to it.

    Full when asked, when there is no index, when the last one is damaged, or when model, tokeniser or schema differ;
    else only the changes since the snapshot. A text already embedded by the same model is not embedded again.

    :raises BuildFailed: when it cannot be written (a full disk); what was half written is deleted.
    """
    with store.writing():
        return _Build(catalogue, store, embedder, tokeniser or Tokeniser(), progress or Silent()).run(full)


@dataclass(slots=True)
class _Segment:
    """A segment being carried into the new snapshot."""

    name: str
    columns: Columns
    alive: NDArray[np.bool_]
    path: Path
    changed: bool = False

    def entry(self) -> SegmentEntry:
        return SegmentEntry(
            name=self.name,
            items=len(self.columns),
            rows=int(self.columns.row_starts[-1]),
            live=int(self.alive.sum()),
        )


@dataclass(slots=True)
class _Counts:
    indexed: int = 0
    withdrawn: int = 0
    embedded: int = 0
    reused: int = 0


@dataclass(slots=True)
class _Build:
    catalogue: Source
    store: SnapshotStore
    embedder: PassageEmbedder
    tokeniser: Tokeniser
    progress: Progress
    counts: _Counts = field(default_factory=_Counts)

    def run(self, full: bool) -> BuildReport:
        started = time.perf_counter()
        former, reason = self._former()
        if full:
            reason = "asked for"
        base = former if not reason else None
        head = self.catalogue.head_revision()
        if base is not None and base.manifest.revision == head:
            return self._report(base, "nothing changed", False, started)
        path = self.store.begin(base)
        try:
            stored = self._write(path, base, former, head)
        except (OSError, ValueError, MemoryError) as error:
            self.store.discard(path)
            raise BuildFailed(f"the index could not be written: {error}") from error
        except BaseException:
            self.store.discard(path)
            raise
        self.progress.finish()
        return self._report(stored, reason or "changes only", bool(reason), started)

    def _report(self, stored: Stored, reason: str, full: bool, started: float) -> BuildReport:
        counts = self.counts
        return BuildReport(
            snapshot=stored.name,
            full=full,
            reason=reason,
            indexed=counts.indexed,
            withdrawn=counts.withdrawn,
            embedded=counts.embedded,
            reused=counts.reused,
            revision=stored.manifest.revision,
            items=stored.manifest.items,
            seconds=time.perf_counter() - started,
        )

    def _fingerprints(self) -> Fingerprints:
        return Fingerprints(
            model=self.embedder.fingerprint,
            tokeniser=self.tokeniser.fingerprint,
            schema=SCHEMA,
            dimension=self.embedder.dimension,
        )

    def _former(self) -> tuple[Stored | None, str]:
        """The last good snapshot, and why it cannot be continued (empty when it can)."""
        try:
            former = self.store.current()
        except SnapshotMissing:
            return None, "there was no index"
        except SnapshotDamaged as error:
            return None, f"the former index is damaged: {error}"
        wanted, had = self._fingerprints(), former.manifest.fingerprints
        differing = [name for name in ("model", "tokeniser", "schema") if getattr(wanted, name) != getattr(had, name)]
        if differing:
            return former, f"{' and '.join(differing)} changed"
        return former, ""

    def _write(self, path: Path, base: Stored | None, former: Stored | None, head: int) -> Stored:
        work = _Work(self, path, base, former)
        work.apply(self.catalogue.changes(base.manifest.revision if base else 0))
        manifest = work.finish(head, self._fingerprints())
        return self.store.publish(path, manifest, base=base)


class _Work:
    """One build's open files."""

    def __init__(self, build: _Build, path: Path, base: Stored | None, former: Stored | None) -> None:
        self._build = build
        self._path = path
        self._dimension = build.embedder.dimension
        words = base.manifest.dictionaries if base else {}
        self._dictionaries = {name: Dictionary(words.get(name, ())) for name in CODED}
        self._next = base.manifest.next_number if base else 1
        self._segments = _carried(path, base) if base else []
        self._moments = Moments.load(path / "moments.npz") if base else Moments.empty(self._dimension)
        self._reader = LexicalReader(base.path) if base else None
        self._vectors_of = _Reuse(build, former, full=base is None)
        self._lexical = LexicalWriter(path, build.tokeniser)
        self._columns = SegmentWriter(self._dictionaries)
        self._here: dict[str, int] = {}
        self._dead_here: set[int] = set()
        name = f"{max((int(segment.name) for segment in self._segments), default=0) + 1:06d}"
        self._folder = path / "segments" / name
        self._folder.mkdir(parents=True)
        self._vectors = VectorFile(self._folder, self._dimension)

    def apply(self, changes: Iterator[Change]) -> None:
        """Take in all changes, batch by batch."""
        self._build.progress.start("indexing")
        try:
            while batch := list(islice(changes, _BATCH)):
                latest = {_id(change): change for change in batch}
                self._take(list(latest.values()))
                self._build.progress.advance(len(batch))
        except BaseException:
            self._lexical.abandon()
            self._vectors.abandon()
            raise

    def _take(self, batch: list[Change]) -> None:
        known = {name: self._forget(name) for name in map(_id, batch)}
        entries = [change for change in batch if isinstance(change, IndexItem)]
        self._build.counts.withdrawn += sum(
            isinstance(change, Withdrawn) and known[change.item_id] is not None for change in batch
        )
        texts = [[passage_text(passage) for passage in entry.passages] for entry in entries]
        hashes = [[text_hash(text) for text in of_item] for of_item in texts]
        flat_texts = [text for of_item in texts for text in of_item]
        flat_hashes = [digest for of_item in hashes for digest in of_item]
        stored = self._vectors.append(self._vectors_of.embed(flat_texts, flat_hashes))
        self._moments.add(stored)
        for entry, of_item in zip(entries, hashes, strict=True):
            self._here[entry.item.id] = len(self._columns.numbers)
            self._lexical.add(self._next, entry)
            self._columns.add(self._next, entry, of_item)
            self._next += 1
        self._build.counts.indexed += len(entries)

    def _forget(self, item_id: str) -> int | None:
        """Take an item out of everything; where it was, or None when it was nowhere."""
        here = self._here.pop(item_id, None)
        if here is not None:
            self._lexical.remove(item_id)
            self._dead_here.add(here)
            return here
        number = self._reader.number_of(item_id) if self._reader else None
        if number is None:
            return None
        for segment in self._segments:
            place = int(segment.columns.index_of(np.array([number]))[0])
            if place >= 0 and segment.alive[place]:
                segment.alive[place] = False
                segment.changed = True
                self._moments.add(self._rows_of(segment, place), sign=-1)
                self._vectors_of.offer(segment, place, self._rows_of(segment, place))
                self._lexical.remove(item_id)
                return number
        return None

    def _rows_of(self, segment: _Segment, place: int) -> Half:
        first, last = segment.columns.row_starts[place : place + 2]
        return open_rows(segment.path, self._dimension)[first:last]

    def finish(self, head: int, fingerprints: Fingerprints) -> Manifest:
        """Close all files; the new snapshot's manifest."""
        self._build.progress.start("writing")
        self._columns.write(self._folder)
        self._vectors.close()
        for place in self._dead_here:
            first, last = self._columns.row_starts[place : place + 2]
            self._moments.add(open_rows(self._folder, self._dimension)[first:last], sign=-1)
        alive = np.ones(len(self._columns.numbers), dtype=np.bool_)
        alive[list(self._dead_here)] = False
        columns = Columns.open(self._folder)
        self._segments.append(_Segment(self._folder.name, columns, alive, self._folder, changed=True))
        self._lexical.commit()
        for segment in self._segments:
            if segment.changed:
                _replace_array(self._path / f"alive-{segment.name}.npy", segment.alive)
        (self._path / "moments.npz").unlink(missing_ok=True)
        self._moments.save(self._path / "moments.npz")
        return Manifest(
            name="",
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            revision=head,
            next_number=self._next,
            fingerprints=fingerprints,
            dictionaries={name: dictionary.words for name, dictionary in self._dictionaries.items()},
            segments=tuple(segment.entry() for segment in self._segments),
        )


class _Reuse:
    """Embeds texts, but takes the vector of a text that the same model embedded before."""

    def __init__(self, build: _Build, former: Stored | None, *, full: bool) -> None:
        self._build = build
        self._known: dict[bytes, Half] = {}
        comparable = former is not None and former.manifest.fingerprints.model == build.embedder.fingerprint
        if former is not None and full and comparable:
            self._remember_all(former)

    def offer(self, segment: _Segment, place: int, rows: Half) -> None:
        """An item goes: its texts may come again with the changed item."""
        first, last = segment.columns.row_starts[place : place + 2]
        for digest, vector in zip(segment.columns.text_hashes[first:last], rows, strict=True):
            self._known[bytes(digest)] = np.array(vector)

    def embed(self, texts: Sequence[str], hashes: Sequence[bytes]) -> Half:
        """Vectors for ``texts``, each row rounded to half precision."""
        missing = [place for place, digest in enumerate(hashes) if digest not in self._known]
        result = np.zeros((len(texts), self._build.embedder.dimension), dtype=np.float16)
        if missing:
            result[missing] = self._build.embedder.embed_passages([texts[place] for place in missing])
        for place, digest in enumerate(hashes):
            if digest in self._known:
                result[place] = self._known[digest]
        self._build.counts.embedded += len(missing)
        self._build.counts.reused += len(texts) - len(missing)
        return result

    def _remember_all(self, former: Stored) -> None:
        for entry in former.manifest.segments:
            folder = former.path / "segments" / entry.name
            rows = open_rows(folder, former.manifest.fingerprints.dimension)
            for digest, vector in zip(Columns.open(folder).text_hashes, rows, strict=True):
                self._known[bytes(digest)] = vector


def _id(change: Change) -> str:
    return change.item_id if isinstance(change, Withdrawn) else change.item.id


def _carried(path: Path, base: Stored) -> list[_Segment]:
    carried = []
    for entry in base.manifest.segments:
        folder = path / "segments" / entry.name
        alive = np.load(path / f"alive-{entry.name}.npy")
        carried.append(_Segment(entry.name, Columns.open(folder), alive, folder))
    return carried


def _replace_array(path: Path, array: NDArray[np.bool_]) -> None:
    # The file may be a hard link into the former snapshot, which must keep its own.
    path.unlink(missing_ok=True)
    np.save(path, array)
