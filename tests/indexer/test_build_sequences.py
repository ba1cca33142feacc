"""Whatever happens in whatever order: what is searchable is what the catalogue holds and the caller may see."""

from __future__ import annotations

import contextlib
import errno
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from backend.core.errors import NotReady
from backend.search.engine import SearchEngine
from backend.search.values import SearchRequest
from indexer import merging, snapshot
from indexer.build import BuildFailed, build, compact
from indexer.lexical import WordQuery
from indexer.records import IndexItem
from indexer.snapshot import SnapshotDamaged, SnapshotMissing, SnapshotStore
from indexer.view import IndexView, Narrow
from tests.search.library import FakeCatalogue, HashingEmbedder, item

WORDS = ("山", "水", "图书", "历史", "机械", "诗歌")
EVERYONE = Narrow(audiences=frozenset({"public", "branch:A"}))
PUBLIC = Narrow(audiences=frozenset({"public"}))

NAMES = tuple(f"i{n}" for n in range(8))
names = st.sampled_from(NAMES)
steps = st.one_of(
    st.tuples(st.just("put"), names, st.sampled_from(WORDS), st.booleans()),
    st.tuples(st.just("withdraw"), names),
    st.tuples(st.just("move"), names),
    st.tuples(st.just("kill"), st.integers(min_value=0, max_value=60), st.booleans()),
    st.tuples(st.sampled_from(["build", "disk full", "compact", "compact and change", "damage"])),
)


class Killed(BaseException):
    """Stands for a process that ends in the middle of a write: nothing is tidied up after it."""


class Full(HashingEmbedder):
    """Fails at the first text that was not embedded before."""

    def embed_passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        raise OSError(errno.ENOSPC, "No space left on device")


class ChangedMeanwhile(FakeCatalogue):
    """A catalogue in which an item changes while it is read."""

    late = False

    def changes(self, after: int = 0):  # type: ignore[no-untyped-def]
        yield from list(super().changes(after))
        if self.late:
            self.late = False
            self.put(item("late", "迟到的书"))


class World:
    """A catalogue, its index, and two readers that stay open: one follows every step, one looks now and then."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.catalogue = ChangedMeanwhile()
        self.embedder = HashingEmbedder(64)
        self.readers = [self.reader(), self.reader()]

    def reader(self) -> SearchEngine:
        """As in a process of its own: it knows nothing but the folder."""
        return SearchEngine(SnapshotStore(self.folder), self.catalogue, self.embedder)

    def do(self, step: tuple[object, ...]) -> bool:
        """Take a step. Did it bring the index up to the catalogue?"""
        store = SnapshotStore(self.folder)
        match step:
            case ("put", str(name), str(word), bool(hidden)):
                audience = "branch:A" if hidden else "public"
                text = f"{word}的{name}。" * 3
                self.catalogue.put(item(name, f"{word}书", text, audience=audience, passage_size=7))
            case ("withdraw", str(name)):
                self.catalogue.withdraw(name)
            case ("move", str(name)):
                self._move(name)
            case ("build",):
                build(self.catalogue, store, self.embedder)
            case ("compact",):
                compact(self.catalogue, store, self.embedder)
            case ("compact and change",):
                self.catalogue.late = True
                compact(self.catalogue, store, self.embedder)
            case ("disk full",):
                self.catalogue.put(item("crash", f"没有见过的字{self.catalogue.head_revision()}"))
                with pytest.raises(BuildFailed):
                    build(self.catalogue, store, Full(64))
            case ("kill", int(moment), bool(whole)):
                self._kill(store, moment, whole)
            case ("damage",):
                self._damage(store)
        return step[0] in ("build", "compact", "compact and change")

    def _move(self, name: str) -> None:
        """The same item for another audience."""
        if self.catalogue.item(name) is None:
            return
        _, entry = self.catalogue._state[name]
        assert isinstance(entry, IndexItem)
        audience = "public" if entry.item.audience != "public" else "branch:A"
        self.catalogue.put(replace(entry, item=replace(entry.item, audience=audience)))

    def _kill(self, store: SnapshotStore, moment: int, whole: bool) -> None:
        """End a write at its ``moment``-th flush to disk, or at a step between."""
        left = iter(range(moment))

        def flush(path: Path) -> None:
            if next(left, None) is None:
                raise Killed(path)

        with (
            mock.patch.object(snapshot, "_flush", flush),
            mock.patch.object(SnapshotStore, "discard"),
            contextlib.suppress(Killed),
        ):
            build(self.catalogue, store, self.embedder, full=whole)

    def _damage(self, store: SnapshotStore) -> None:
        """Spoil a file that the serving snapshot shares with no other."""
        with contextlib.suppress(SnapshotMissing, SnapshotDamaged):
            moments = store.current().path / "moments.npz"
            content = moments.read_bytes()
            moments.unlink()
            moments.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))

    def visible(self, narrow: Narrow) -> set[str]:
        entries = self.catalogue.get(NAMES)
        return {name for name, entry in entries.items() if entry.audience in narrow.audiences}


def shown_by(reader: SearchEngine, narrow: Narrow) -> set[str] | None:
    """What a search for 书 shows of the eight items; None while there is no index."""
    try:
        reader.refresh()
        hits = reader.search(SearchRequest(q="书", size=100), narrow.audiences).hits
    except NotReady:
        return None
    return {hit.id for hit in hits if hit.id in NAMES}


@given(st.lists(steps, max_size=16), st.integers(min_value=1, max_value=20))
@settings(max_examples=12, deadline=None)
def test_no_reader_ever_shows_what_is_hidden_and_none_misses_what_was_built(
    sequence: list[tuple[object, ...]], small: int
) -> None:
    with tempfile.TemporaryDirectory() as folder, mock.patch.object(merging, "SMALL", small):
        world = World(Path(folder))
        for number, step in enumerate(sequence):
            built = world.do(step)
            for reader in [*world.readers[: 1 if number % 3 else 2], *([world.reader()] if number % 5 == 0 else [])]:
                for narrow in (EVERYONE, PUBLIC):
                    shown, visible = shown_by(reader, narrow), world.visible(narrow)
                    assert shown is None or shown <= visible
                    assert not built or shown == visible
        build(world.catalogue, SnapshotStore(world.folder), world.embedder)
        for opened in (reader._views.refresh() for reader in [*world.readers, world.reader()]):
            _compare(opened, world.catalogue, world.embedder)


def _compare(view: IndexView, catalogue: FakeCatalogue, embedder: HashingEmbedder) -> None:
    entries = {name: entry for name in NAMES if (entry := catalogue.item(name))}
    query = embedder.embed_queries(["书"])[0]
    for narrow in (EVERYONE, PUBLIC):
        expected = {name for name, entry in entries.items() if entry.audience in narrow.audiences}
        near = view.near(query, narrow, limit=1000)
        assert {name for name in view.ids(near.numbers) if name.startswith("i")} == expected
        assert len(set(zip(near.numbers.tolist(), near.ordinals.tolist(), strict=True))) == len(near.numbers)
        found = view.lexical.items(
            WordQuery(weights={"书": 1.0}, boosts={"title": 1.0}), view.lexical_filter(narrow), limit=1000
        )
        assert {name for name in view.ids(found.keys) if name.startswith("i")} == expected
        passages = view.lexical.passages(WordQuery(weights={"的": 1.0}), view.lexical_filter(narrow), limit=1000)
        assert {name for name in view.ids(passages.keys >> 20) if name.startswith("i")} == expected
    live = sum(len(catalogue.passages(name)) for name in catalogue.get([*entries, "crash", "late"]))
    assert len(view.near(query, EVERYONE, limit=1000).numbers) == live
