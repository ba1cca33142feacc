"""Whatever happens in whatever order: what is searchable is what the catalogue holds and the caller may see."""

from __future__ import annotations

import errno
import tempfile
from collections.abc import Sequence
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from indexer import merging
from indexer.build import BuildFailed, build, compact
from indexer.lexical import WordQuery
from indexer.snapshot import SnapshotStore
from indexer.view import IndexView, Narrow
from tests.search.library import FakeCatalogue, HashingEmbedder, item

WORDS = ("山", "水", "图书", "历史", "机械", "诗歌")
EVERYONE = Narrow(audiences=frozenset({"public", "branch:A"}))
PUBLIC = Narrow(audiences=frozenset({"public"}))

names = st.sampled_from([f"i{n}" for n in range(8)])
steps = st.one_of(
    st.tuples(st.just("put"), names, st.sampled_from(WORDS), st.booleans()),
    st.tuples(st.just("withdraw"), names),
    st.tuples(st.sampled_from(["build", "crash", "compact", "compact and change"])),
)


class Failing(HashingEmbedder):
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


@given(st.lists(steps, max_size=30), st.integers(min_value=1, max_value=20))
@settings(max_examples=25, deadline=None)
def test_the_index_shows_exactly_what_the_catalogue_holds(sequence: list[tuple[object, ...]], small: int) -> None:
    with tempfile.TemporaryDirectory() as folder, mock.patch.object(merging, "SMALL", small):
        store, catalogue, embedder = SnapshotStore(Path(folder)), ChangedMeanwhile(), HashingEmbedder(64)
        for step in sequence:
            _do(step, catalogue, store, embedder)
        build(catalogue, store, embedder)
        for reader in (store, SnapshotStore(Path(folder))):
            _compare(IndexView(reader.current()), catalogue, embedder)


def _do(step: tuple[object, ...], catalogue: ChangedMeanwhile, store: SnapshotStore, embedder: HashingEmbedder) -> None:
    match step:
        case ("put", str(name), str(word), bool(hidden)):
            audience = "branch:A" if hidden else "public"
            catalogue.put(item(name, f"{word}书", f"{word}的{name}。" * 3, audience=audience, passage_size=7))
        case ("withdraw", str(name)):
            catalogue.withdraw(name)
        case ("build",):
            build(catalogue, store, embedder)
        case ("compact",):
            compact(catalogue, store, embedder)
        case ("compact and change",):
            catalogue.late = True
            compact(catalogue, store, embedder)
        case ("crash",):
            catalogue.put(item("crash", f"没有见过的字{catalogue.head_revision()}"))
            with pytest.raises(BuildFailed):
                build(catalogue, store, Failing(64))


def _compare(view: IndexView, catalogue: FakeCatalogue, embedder: HashingEmbedder) -> None:
    entries = {name: entry for name in [f"i{n}" for n in range(8)] if (entry := catalogue.item(name))}
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
