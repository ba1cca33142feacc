"""Which snapshot serves."""

from __future__ import annotations

from pathlib import Path

import pytest

from backend.search.views import Views
from indexer.build import build
from indexer.snapshot import SnapshotStore
from indexer.tokens import Tokeniser
from tests.search.library import FakeCatalogue, HashingEmbedder, item


def test_a_write_between_two_looks_at_the_pointer_is_no_damage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    books, store, embedder, tokeniser = FakeCatalogue(), SnapshotStore(tmp_path), HashingEmbedder(64), Tokeniser()
    for number in range(2):
        books.put(item(f"b{number}", f"书{number}"))
        build(books, store, embedder)
    stale = iter(["000000001"])
    monkeypatch.setattr(store, "pointer", lambda: next(stale, "000000002"))
    views = Views(store, model=embedder.fingerprint, tokeniser=tokeniser.fingerprint)
    assert views.current().name == "000000002"
    assert not caplog.records
