"""What the worker does beside the queue: the index is tidied by a process of its own."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from backend import worker
from backend.composition import Services
from backend.core.settings import Settings
from backend.worker import compact_apart
from indexer.build import compaction_due
from tests.indexer.factories import jsonl, load


def test_compaction_runs_apart_and_leaves_one_segment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(data_dir=tmp_path / "data", database_url="")
    services = Services(settings)
    for number in range(2):
        load(services.catalogue, jsonl(tmp_path / "one.jsonl", {"id": "a", "title": f"书{number}", "text": "山水"}))
        services.build_index()
    assert services.snapshots.current().manifest.segments[0].items > services.snapshots.current().manifest.items - 1
    before = services.engine.snapshot_name()
    monkeypatch.setattr(worker, "LOW_PRIORITY", 0)
    assert compaction_due(services.snapshots) == ""
    assert compact_apart(settings, threading.Event())
    after = services.snapshots.current().manifest
    assert after.name > before
    assert [(segment.items, segment.live) for segment in after.segments] == [(1, 1)]
    services.close()


def test_a_compaction_is_given_up_when_the_worker_stops(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "data", database_url="")
    stop = threading.Event()
    stop.set()
    assert not compact_apart(settings, stop)
