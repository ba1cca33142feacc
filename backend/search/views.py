"""Which snapshot serves: follows the store's pointer, opens a new one once, keeps the old one while it is in use."""

from __future__ import annotations

import logging
import threading
import time

from backend.core.errors import NotReady
from indexer.build import SCHEMA
from indexer.snapshot import SnapshotDamaged, SnapshotMissing, SnapshotStore
from indexer.view import IndexView

log = logging.getLogger(__name__)

LOOK_EVERY = 0.2
"""Seconds between looks at the pointer: readers follow a write well within one second."""


class Views:
    """The serving snapshot of one store. Thread-safe."""

    def __init__(self, store: SnapshotStore, *, model: str, tokeniser: str) -> None:
        self._store = store
        self._model = model
        self._tokeniser = tokeniser
        self._view: IndexView | None = None
        self._pointed = ""
        self._looked = 0.0
        self._lock = threading.Lock()

    def current(self) -> IndexView:
        """The newest good snapshot.

        :raises NotReady: when there is none, none is whole, or it was built by another model.
        """
        with self._lock:
            if self._view is None or time.monotonic() - self._looked >= LOOK_EVERY:
                self._follow()
                self._looked = time.monotonic()
            if self._view is None:
                raise NotReady("索引不可用。")
            return self._view

    def refresh(self) -> IndexView:
        """Look at the pointer now, whenever it was looked at last."""
        with self._lock:
            self._looked = 0.0
        return self.current()

    def _follow(self) -> None:
        try:
            pointed = self._store.pointer()
            if self._view is not None and pointed == self._pointed:
                return
            stored = self._store.current()
        except SnapshotMissing as error:
            raise NotReady("尚未建立索引，请先导入数据。") from error
        except SnapshotDamaged as error:
            if self._view is not None:
                log.error("every snapshot on disk is damaged, the open one goes on serving: %s", error)
                return
            raise NotReady(
                "索引文件损坏，请运行 lianwen index build --full 重建。", detail={"problem": str(error)}
            ) from error
        # Another name alone says nothing: a write may have come between the two looks at the pointer.
        if reason := self._store.damage().get(pointed):
            log.error("snapshot %s is refused, %s serves: %s", pointed, stored.name, reason)
        if stored.manifest.fingerprints.model != self._model:
            raise NotReady(
                "索引由另一个向量模型建立，请运行 lianwen index build 重建。",
                detail={"index": stored.manifest.fingerprints.model, "service": self._model},
            )
        if (stored.manifest.fingerprints.tokeniser, stored.manifest.fingerprints.schema) != (self._tokeniser, SCHEMA):
            raise NotReady("索引由另一个版本建立，请运行 lianwen index build 重建。", detail={"snapshot": stored.name})
        if self._view is None or self._view.name != stored.name:
            self._view = IndexView(stored, former=self._view)
        self._pointed = pointed
