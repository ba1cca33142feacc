"""Several processes share one index directory."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import textwrap
import time
import weakref
from pathlib import Path

import pytest

import indexer
from indexer.build import BuildReport, build, compact, compaction_due, needs_compaction
from indexer.lexical import WordQuery
from indexer.snapshot import SnapshotStore, WriterBusy
from indexer.view import IndexView, Narrow
from tests.indexer.factories import catalogue, jsonl, load
from tests.search.library import FakeCatalogue, HashingEmbedder, item

PUBLIC = frozenset({"public"})
READER = """
    import sys, time
    from pathlib import Path
    from indexer.snapshot import SnapshotStore
    store = SnapshotStore(Path(sys.argv[1]))
    seen = store.current().name
    print("ready", flush=True)
    deadline = time.monotonic() + 20
    while store.current().name == seen and time.monotonic() < deadline:
        time.sleep(0.02)
    print(store.current().manifest.items, time.time(), flush=True)
"""


def test_another_process_follows_within_a_second(tmp_path: Path) -> None:
    store, catalogue = SnapshotStore(tmp_path), FakeCatalogue([item("a", "活着")])
    build(catalogue, store, HashingEmbedder())
    root = Path(indexer.__file__).parents[1]
    command = [sys.executable, "-c", textwrap.dedent(READER), str(tmp_path)]
    with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True) as reader:
        assert reader.stdout is not None
        assert reader.stdout.readline() == "ready\n"
        catalogue.put(item("b", "家"))
        build(catalogue, store, HashingEmbedder())
        written = time.time()
        items, seen = reader.stdout.readline().split()
    assert items == "2"
    assert float(seen) - written < 1


WRITER = """
    import sys
    from pathlib import Path
    from indexer.build import build
    from indexer.snapshot import SnapshotStore
    from tests.indexer.factories import catalogue, jsonl, load
    from tests.search.library import HashingEmbedder
    folder, name = Path(sys.argv[1]), sys.argv[2]
    for number in range(4):
        lines = jsonl(folder / f"{name}.jsonl", {"id": f"{name}-{number}", "title": f"{name}{number}", "text": "山水"})
        load(catalogue(folder), lines, collection=name)
        build(catalogue(folder), SnapshotStore(folder), HashingEmbedder())
"""
FOLLOWER = """
    import sys, time
    from pathlib import Path
    from indexer.snapshot import SnapshotStore
    from backend.search.engine import SearchEngine
    from backend.search.values import SearchRequest
    from tests.indexer.factories import catalogue
    from tests.search.library import HashingEmbedder
    folder, wanted = Path(sys.argv[1]), int(sys.argv[2])
    engine = SearchEngine(SnapshotStore(folder), catalogue(folder), HashingEmbedder())
    found, deadline = [0], time.monotonic() + 60
    print("ready", flush=True)
    while found[-1] < wanted and time.monotonic() < deadline:
        total = engine.search(SearchRequest(q="山水"), frozenset({"public"})).total
        if total != found[-1]:
            found.append(total)
    print(found == sorted(found), found[-1], flush=True)
"""


def _start(script: str, folder: Path, argument: str) -> subprocess.Popen[str]:
    root = Path(indexer.__file__).parents[1]
    command = [sys.executable, "-c", textwrap.dedent(script), str(folder), argument]
    environment = os.environ | {"PYTHONPATH": str(root)}
    return subprocess.Popen(command, cwd=root, env=environment, stdout=subprocess.PIPE, text=True)


def test_two_writers_take_turns_and_every_reader_sees_the_sum(tmp_path: Path) -> None:
    load(catalogue(tmp_path), jsonl(tmp_path / "first.jsonl", {"id": "0", "title": "0", "text": "山水"}))
    build(catalogue(tmp_path), SnapshotStore(tmp_path), HashingEmbedder())
    readers = [_start(FOLLOWER, tmp_path, "9") for _ in range(2)]
    try:
        assert all(reader.stdout and reader.stdout.readline() == "ready\n" for reader in readers)
        writers = [_start(WRITER, tmp_path, name) for name in ("one", "two")]
        assert [writer.wait(60) for writer in writers] == [0, 0]
        for reader in readers:
            assert reader.stdout is not None
            assert reader.stdout.readline() == "True 9\n"
    finally:
        for process in readers:
            process.terminate()
            process.communicate()
    for writer in writers:
        writer.communicate()


def test_there_is_one_writer(tmp_path: Path) -> None:
    store = SnapshotStore(tmp_path)
    with store.writing(), pytest.raises(WriterBusy), SnapshotStore(tmp_path).writing(wait=False):
        pass


def test_status_tells_what_serves(tmp_path: Path) -> None:
    store = SnapshotStore(tmp_path)
    report = build(FakeCatalogue([item("a", "活着")]), store, HashingEmbedder())
    status = store.status()
    assert (status["snapshot"], status["items"], status["refused"]) == (report.snapshot, 1, {})
    assert store.verify() == report.snapshot
    assert needs_compaction(store.current().manifest) == ""


def compact_when_needed(
    catalogue: FakeCatalogue, store: SnapshotStore, embedder: HashingEmbedder
) -> BuildReport | None:
    """What the worker does, in one process."""
    return compact(catalogue, store, embedder) if compaction_due(store) else None


def test_compaction_happens_when_needed_and_once_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, catalogue, embedder = SnapshotStore(tmp_path), FakeCatalogue(), HashingEmbedder()
    assert compact_when_needed(catalogue, store, embedder) is None
    monkeypatch.setattr("indexer.merging.SMALL", 0)
    for number in range(4):
        catalogue.put(item(f"i{number}", f"书{number}", f"书{number}的内容"))
        build(catalogue, store, embedder)
    assert compact_when_needed(catalogue, store, embedder) is None
    monkeypatch.setattr("indexer.build.MAX_SEGMENTS", 3)
    with store.rebuilding():
        assert compact_when_needed(catalogue, store, embedder) is None
    report = compact_when_needed(catalogue, store, embedder)
    assert report is not None
    assert (report.items, report.embedded, store.status()["segments"]) == (4, 0, 1)


def test_a_snapshot_retired_while_it_is_opened_is_no_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    books, store = FakeCatalogue(), SnapshotStore(tmp_path)
    for number in range(5):
        books.put(item(f"b{number}", f"书{number}"))
        build(books, store, HashingEmbedder(64))
    first, last = "000000001", store.pointer()
    assert first not in store.names()
    stale = iter([first])
    monkeypatch.setattr(store, "pointer", lambda: next(stale, last))
    assert store.current().name == last


def test_an_index_that_serves_no_more_is_let_go_at_once(tmp_path: Path) -> None:
    store = SnapshotStore(tmp_path)
    build(FakeCatalogue([item("a", "活着")]), store, HashingEmbedder())
    view = IndexView(store.current())
    view.lexical.items(WordQuery(weights={"活着": 1.0}), view.lexical_filter(Narrow(audiences=PUBLIC)), limit=1)
    held = weakref.ref(view.lexical)
    gc.disable()
    try:
        del view
        assert held() is None
    finally:
        gc.enable()
