"""Several processes share one index directory."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

import indexer
from indexer.build import build, needs_compaction
from indexer.snapshot import SnapshotStore, WriterBusy
from tests.search.library import FakeCatalogue, HashingEmbedder, item

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
