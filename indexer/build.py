"""Catalogue → snapshot: everything at first, afterwards only what changed.

A full build is made beside, without the writer lock, from the catalogue as it is when it begins; what changed while it
ran goes in under the lock, just before the switch. So a compaction of a million items never holds up a write.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from indexer.assembly import Assembly, Counts, Embeddings, PassageEmbedder
from indexer.progress import Progress, Silent
from indexer.records import Change
from indexer.snapshot import Fingerprints, Manifest, SnapshotDamaged, SnapshotMissing, SnapshotStore, Stored
from indexer.tokens import Tokeniser

SCHEMA = "3"
"""Raise it when what is stored of an item changes: the next build is then a full one."""
MAX_SEGMENTS = 12
MAX_DEAD = 0.25
_FEW = 10_000


class Source(Protocol):
    """What a build needs of the catalogue."""

    def head_revision(self) -> int: ...

    def changes(self, after: int = 0) -> Iterator[Change]: ...


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

    def __str__(self) -> str:
        how = f"full build ({self.reason})" if self.full else self.reason
        return (
            f"snapshot {self.snapshot}: {how}, {self.items} items; {self.indexed} indexed, {self.withdrawn} withdrawn, "
            f"{self.embedded} texts embedded, {self.reused} reused, {self.seconds:.1f} s"
        )


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
    return _Build(catalogue, store, embedder, tokeniser or Tokeniser(), progress or Silent()).run(full)


def compact(
    catalogue: Source, store: SnapshotStore, embedder: PassageEmbedder, *, progress: Progress | None = None
) -> BuildReport:
    """Write the index anew as one segment without its dead, while it serves and takes writes."""
    return build(catalogue, store, embedder, full=True, progress=progress)


def compaction_due(store: SnapshotStore) -> str:
    """Why the serving snapshot should be compacted now; empty when it need not, or another process is at it."""
    try:
        reason = needs_compaction(store.current().manifest)
    except (SnapshotMissing, SnapshotDamaged):
        return ""
    return "" if store.is_rebuilding() else reason


def needs_compaction(manifest: Manifest) -> str:
    """Why a snapshot should be compacted; empty when it need not."""
    total = sum(segment.items for segment in manifest.segments)
    dead = total - manifest.items
    if len(manifest.segments) > MAX_SEGMENTS:
        return f"{len(manifest.segments)} segments"
    if dead > _FEW and dead > MAX_DEAD * total:
        return f"{dead} of {total} items are dead"
    return ""


def fingerprints(embedder: PassageEmbedder, tokeniser: Tokeniser) -> Fingerprints:
    """What an index built now would be built with."""
    return Fingerprints(
        model=embedder.fingerprint, tokeniser=tokeniser.fingerprint, schema=SCHEMA, dimension=embedder.dimension
    )


def outdated(manifest: Manifest, embedder: PassageEmbedder, tokeniser: Tokeniser) -> str:
    """Why an index cannot be continued: what it was built with differs. Empty when it can."""
    wanted, had = fingerprints(embedder, tokeniser), manifest.fingerprints
    differing = [name for name in ("model", "tokeniser", "schema") if getattr(wanted, name) != getattr(had, name)]
    return f"{' and '.join(differing)} changed" if differing else ""


@dataclass(slots=True)
class _Build:
    catalogue: Source
    store: SnapshotStore
    embedder: PassageEmbedder
    tokeniser: Tokeniser
    progress: Progress
    counts: Counts = field(default_factory=Counts)
    embeddings: Embeddings = field(init=False)

    def __post_init__(self) -> None:
        self.embeddings = Embeddings(self.embedder, self.counts)

    def run(self, full: bool) -> BuildReport:
        started = time.perf_counter()
        if not full:
            with self.store.writing():
                former, reason = self._former()
                if former is not None and not reason:
                    return self._report(self._update(former), "changes only", False, started)
        with self.store.rebuilding():
            former, reason = self._former()
            if former is not None:
                self.embeddings.remember(former)
            stored = self._whole(self._rebuild)
        return self._report(stored, "asked for" if full else reason, True, started)

    def _update(self, former: Stored) -> Stored:
        """The changes since ``former``. Hold the writer lock."""
        head = self.catalogue.head_revision()
        if former.manifest.revision == head:
            return former
        return self._whole(lambda path: self._continue(path, former, head), base=former)

    def _continue(self, path: Path, former: Stored, head: int) -> Stored:
        self.progress.start("indexing")
        manifest = self._fill(path, former, former.manifest.revision, head)
        return self.store.publish(path, manifest, base=former)

    def _rebuild(self, path: Path) -> Stored:
        """Everything beside, then what changed meanwhile under the writer lock."""
        head = self.catalogue.head_revision()
        self.progress.start("indexing", head or None)
        manifest = self._fill(path, None, 0, head)
        with self.store.writing():
            latest = self.catalogue.head_revision()
            if latest != head:
                beside = Stored(path, manifest)
                manifest = self._fill(path, beside, head, latest)
            return self.store.publish(path, manifest, base=None)

    def _fill(self, path: Path, base: Stored | None, after: int, head: int) -> Manifest:
        assembly = Assembly(path, base, embeddings=self.embeddings, tokeniser=self.tokeniser, counts=self.counts)
        assembly.apply(self.catalogue.changes(after), self.progress)
        self.progress.start("writing")
        return assembly.finish(head, fingerprints(self.embedder, self.tokeniser))

    def _whole(self, fill: Callable[[Path], Stored], *, base: Stored | None = None) -> Stored:
        """A snapshot written whole or not at all.

        :raises BuildFailed: when it cannot be written.
        """
        path = self.store.begin(base)
        try:
            stored = fill(path)
        except (OSError, ValueError, MemoryError) as error:
            self.store.discard(path)
            raise BuildFailed(f"the index could not be written: {error}") from error
        except BaseException:
            self.store.discard(path)
            raise
        self.progress.finish()
        return stored

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

    def _former(self) -> tuple[Stored | None, str]:
        """The last good snapshot, and why it cannot be continued (empty when it can)."""
        try:
            former = self.store.current()
        except SnapshotMissing:
            return None, "there was no index"
        except SnapshotDamaged as error:
            return None, f"the former index is damaged: {error}"
        return former, outdated(former.manifest, self.embedder, self.tokeniser)
