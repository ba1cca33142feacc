"""A load that is killed at any moment (kill -9) leaves a good state, and the next one completes to what an undisturbed
load gives: the same items, passages and index."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from indexer.catalogue import Catalogue
from indexer.records import IndexItem
from indexer.snapshot import SnapshotStore
from tests.indexer.sources.killed import load
from tests.indexer.sources.stores import open_catalogue

ROOT = Path(__file__).parents[3]


def fill(folder: Path, version: int) -> None:
    folder.mkdir(exist_ok=True)
    lines = [
        {"id": f"d{n}", "title": f"指南{n}", "text": f"{version if n % 3 == 0 else 0}版：第{n}项周一至周五受理。" * 8}
        for n in range(700)
        if version == 1 or n % 7
    ]  # fmt: skip
    (folder / "guide.jsonl").write_text("\n".join(json.dumps(line, ensure_ascii=False) for line in lines), "utf-8")
    (folder / "rules.md").write_text(f"# 规则\n\n## 4.1 借阅\n\n每证可借{version}0册。\n", encoding="utf-8")


def state(catalogue: Catalogue) -> dict[str, Any]:
    """Everything a reader can find, with its passages."""
    return {
        change.item.source_id: (change.item.id, change.item.text, [passage.id for passage in change.passages])
        for change in catalogue.changes()
        if isinstance(change, IndexItem)
    }


def kill_after(database: Path, folder: Path, seconds: float) -> bool:
    """Start a load and kill it so long after its start; was it still at it?"""
    script = [sys.executable, "-m", "tests.indexer.sources.killed", str(database), str(folder)]
    with subprocess.Popen(
        script, cwd=ROOT, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(ROOT)}
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(seconds)
        alive = process.poll() is None
        process.send_signal(signal.SIGKILL)
    return alive


def test_a_killed_load_leaves_a_good_state_and_the_next_one_completes_it(tmp_path: Path) -> None:
    folder, straight, disturbed = tmp_path / "in", tmp_path / "a", tmp_path / "b"
    straight.mkdir()
    disturbed.mkdir()
    fill(folder, 1)
    for home in (straight, disturbed):
        load(home / "c.db", folder)
    first = state(open_catalogue(straight / "c.db"))
    fill(folder, 2)
    load(straight / "c.db", folder)
    last = state(open_catalogue(straight / "c.db"))
    moments = random.Random(os.getpid())
    killed = 0
    for _ in range(3):
        killed += kill_after(disturbed / "c.db", folder, moments.uniform(0.0, 0.5))
        between = state(open_catalogue(disturbed / "c.db"))
        assert all(told in (first.get(key), last.get(key)) for key, told in between.items())
        assert last.keys() <= between.keys()
        SnapshotStore(disturbed / "index").verify()
    catalogue = load(disturbed / "c.db", folder)
    assert state(catalogue) == last
    manifests = [SnapshotStore(home / "index").current().manifest for home in (straight, disturbed)]
    assert manifests[0].items == manifests[1].items == len(last)
    assert killed
