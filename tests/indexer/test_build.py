"""Builds: full and incremental, whole or not at all."""

from __future__ import annotations

import errno
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from indexer.build import BuildFailed, build
from indexer.snapshot import SnapshotDamaged, SnapshotMissing, SnapshotStore
from indexer.view import IndexView, Narrow
from tests.search.library import FakeCatalogue, HashingEmbedder, item

EVERYONE = Narrow(audiences=frozenset({"public"}))
TITLES = ("活着", "家", "图书馆学导论", "敦煌石窟艺术", "机械设计手册", "宋词三百首")


@pytest.fixture
def catalogue() -> FakeCatalogue:
    return FakeCatalogue([item(f"i{n}", title) for n, title in enumerate(TITLES)])


@pytest.fixture
def store(tmp_path: Path) -> SnapshotStore:
    return SnapshotStore(tmp_path / "index")


def titled(view: IndexView, title: str) -> list[str]:
    found = view.lexical.known({f"title:{title}": 1.0}, view.lexical_filter(EVERYONE), limit=10)
    return view.ids(found.keys)


def test_the_first_build_takes_everything(catalogue: FakeCatalogue, store: SnapshotStore) -> None:
    report = build(catalogue, store, HashingEmbedder())
    assert (report.full, report.indexed, report.items, report.embedded) == (True, 6, 6, 6)
    view = IndexView(store.current())
    assert titled(view, "活着") == ["i0"]


def test_without_changes_nothing_is_written(catalogue: FakeCatalogue, store: SnapshotStore) -> None:
    first = build(catalogue, store, HashingEmbedder())
    again = build(catalogue, store, HashingEmbedder())
    assert (again.snapshot, again.full, again.indexed) == (first.snapshot, False, 0)


def test_later_builds_take_only_the_changes(catalogue: FakeCatalogue, store: SnapshotStore) -> None:
    embedder = HashingEmbedder()
    build(catalogue, store, embedder)
    catalogue.put(item("i0", "活着（修订版）"))
    catalogue.put(item("n1", "量子力学"))
    catalogue.withdraw("i1")
    report = build(catalogue, store, embedder)
    assert (report.full, report.indexed, report.withdrawn, report.items) == (False, 2, 1, 6)
    assert embedder.embedded == 8
    view = IndexView(store.current())
    assert titled(view, "活着") == []
    assert titled(view, "家") == []
    assert titled(view, "活着修订版") == ["i0"]
    assert titled(view, "量子力学") == ["n1"]


def test_one_text_of_several_items_is_embedded_once(store: SnapshotStore) -> None:
    embedder = HashingEmbedder()
    twins = FakeCatalogue([item(f"i{n}", "活着") for n in range(3)])
    report = build(twins, store, embedder)
    assert (report.indexed, report.embedded, report.reused) == (3, 1, 2)


def test_a_text_is_not_embedded_twice(catalogue: FakeCatalogue, store: SnapshotStore) -> None:
    embedder = HashingEmbedder()
    build(catalogue, store, embedder)
    catalogue.put(item("i0", "活着", year=1993))
    changed = build(catalogue, store, embedder)
    rebuilt = build(catalogue, store, embedder, full=True)
    assert (changed.embedded, changed.reused) == (0, 1)
    assert (rebuilt.full, rebuilt.embedded, rebuilt.reused) == (True, 0, 6)


def test_another_model_forces_a_full_build(catalogue: FakeCatalogue, store: SnapshotStore) -> None:
    build(catalogue, store, HashingEmbedder(seed="a"))
    report = build(catalogue, store, HashingEmbedder(seed="b"))
    assert (report.full, report.reason, report.embedded) == (True, "model changed", 6)
    assert store.current().manifest.fingerprints.model == "hashing-512-b"


def test_the_moments_are_those_of_the_living(catalogue: FakeCatalogue, store: SnapshotStore, tmp_path: Path) -> None:
    embedder = HashingEmbedder()
    build(catalogue, store, embedder)
    catalogue.withdraw("i1")
    catalogue.put(item("i2", "图书馆学导论（第二版）"))
    build(catalogue, store, embedder)
    fresh = SnapshotStore(tmp_path / "fresh")
    build(catalogue, fresh, embedder)
    query = embedder.embed_queries(["图书馆"])[0]
    assert IndexView(store.current()).z.scale(query) == pytest.approx(
        IndexView(fresh.current()).z.scale(query), abs=1e-5
    )


class FullDisk(HashingEmbedder):
    """A disk that is full from the first vector on."""

    def embed_passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_leaves_the_old_index_serving(catalogue: FakeCatalogue, store: SnapshotStore) -> None:
    first = build(catalogue, store, HashingEmbedder())
    catalogue.put(item("n1", "量子力学"))
    with pytest.raises(BuildFailed, match="No space left"):
        build(catalogue, store, FullDisk())
    assert [path.name for path in store.snapshots.iterdir()] == [first.snapshot]
    assert store.current().name == first.snapshot
    assert build(catalogue, store, HashingEmbedder()).items == 7


def test_a_crash_before_the_switch_is_swept_away(catalogue: FakeCatalogue, store: SnapshotStore) -> None:
    first = build(catalogue, store, HashingEmbedder())
    (store.snapshots / ".new-update").mkdir()
    assert store.current().name == first.snapshot
    catalogue.put(item("n1", "量子力学"))
    build(catalogue, store, HashingEmbedder())
    assert not list(store.snapshots.glob(".new-*"))


@pytest.mark.parametrize("victim", ["*/vectors.f16", "*/ids.npy", "moments.npz", "manifest.json", "*.store"])
@pytest.mark.parametrize("how", ["flip", "cut", "remove"])
def test_a_damaged_snapshot_is_refused_and_the_former_serves(
    catalogue: FakeCatalogue, store: SnapshotStore, victim: str, how: str
) -> None:
    first = build(catalogue, store, HashingEmbedder())
    catalogue.put(item("n1", "量子力学"))
    second = build(catalogue, store, HashingEmbedder())
    before = set(_inodes(store.snapshots / first.snapshot))
    path = max(
        (found for found in (store.snapshots / second.snapshot).rglob(victim) if found.stat().st_ino not in before),
        key=lambda found: found.stat().st_size,
    )
    _damage(path, how)
    reader = SnapshotStore(store.directory)
    assert reader.current().name == first.snapshot
    with pytest.raises(SnapshotDamaged):
        reader.verify(second.snapshot)
    build(catalogue, reader, HashingEmbedder())
    assert reader.current().manifest.items == 7


def _inodes(path: Path) -> list[int]:
    return [found.stat().st_ino for found in path.rglob("*")]


def _damage(path: Path, how: str) -> None:
    content = bytearray(path.read_bytes())
    if how == "remove":
        path.unlink()
    elif how == "cut":
        path.write_bytes(content[: len(content) // 2])
    else:
        content[len(content) // 2] ^= 0x40
        path.write_bytes(content)


def test_without_a_good_snapshot_the_damage_is_named(catalogue: FakeCatalogue, store: SnapshotStore) -> None:
    with pytest.raises(SnapshotMissing):
        store.current()
    only = build(catalogue, store, HashingEmbedder())
    (store.snapshots / only.snapshot / "moments.npz").write_bytes(b"")
    with pytest.raises(SnapshotDamaged, match=r"moments\.npz"):
        SnapshotStore(store.directory).current()


def test_old_snapshots_are_retired(catalogue: FakeCatalogue, store: SnapshotStore) -> None:
    for n in range(5):
        catalogue.put(item(f"n{n}", f"新书{n}"))
        build(catalogue, store, HashingEmbedder())
    assert len(store.names()) == 3


def test_an_open_view_outlives_its_snapshot(catalogue: FakeCatalogue, store: SnapshotStore) -> None:
    build(catalogue, store, HashingEmbedder())
    view = IndexView(store.current())
    for n in range(5):
        catalogue.put(item(f"n{n}", f"新书{n}"))
        build(catalogue, store, HashingEmbedder())
    assert view.name not in store.names()
    assert titled(view, "活着") == ["i0"]
    near = view.near(HashingEmbedder().embed_queries(["宋词三百首"])[0], EVERYONE, limit=3)
    assert view.ids(near.numbers)[0] == "i5"
