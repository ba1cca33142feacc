"""Puts the parts together from the settings: the one place that chooses embedded or real services.

``app``, ``cli`` and ``worker`` build a :class:`Services` and hand its parts to the domains. Parts are made when first
used, so that a command that only adds a member never loads a model.
"""

from __future__ import annotations

import threading
from functools import cached_property
from typing import TYPE_CHECKING

import redis

from backend import migrations
from backend.core.access import parse_networks
from backend.core.db import Database
from backend.core.events import EventBus, InProcessBus, RedisBus
from backend.core.limits import InProcessLimiter, Limiter, RedisLimiter, Unlimited
from backend.core.settings import Settings
from backend.core.tokens import VisitorTokens
from indexer.catalogue import Catalogue
from indexer.progress import Progress
from indexer.snapshot import SnapshotStore

if TYPE_CHECKING:
    from backend.search.engine import SearchEngine
    from indexer.build import BuildReport
    from indexer.embedding import Embedder


class Services:
    """Everything a running process uses, made from its settings."""

    def __init__(self, settings: Settings, *, progress: Progress | None = None) -> None:
        self.settings = settings
        self._progress = progress
        self._embedder_lock = threading.Lock()
        settings.data_dir.mkdir(parents=True, exist_ok=True)

    @cached_property
    def database(self) -> Database:
        """The database, migrated to what this code expects."""
        database = Database(self.settings.effective_database_url)
        migrations.upgrade(database.engine)
        return database

    @cached_property
    def catalogue(self) -> Catalogue:
        return Catalogue(self.database.engine)

    @cached_property
    def snapshots(self) -> SnapshotStore:
        return SnapshotStore(self.settings.index_dir)

    @cached_property
    def embedder(self) -> Embedder:
        from indexer.embedding import load_embedder  # loads a model runtime: only when a command needs one

        with self._embedder_lock:
            return load_embedder(
                self.settings.embedding_model,
                self.settings.model_dir,
                threads=self.settings.embedding_threads or None,
                progress=self._progress,
            )

    @cached_property
    def engine(self) -> SearchEngine:
        from backend.search.engine import SearchEngine

        return SearchEngine(self.snapshots, self.catalogue, self.embedder)

    @cached_property
    def bus(self) -> EventBus:
        return RedisBus(self.settings.redis_url) if self.settings.redis_url else InProcessBus()

    @cached_property
    def limiter(self) -> Limiter:
        if self.settings.rate_limit == "off":
            return Unlimited()
        if self.settings.redis_url:
            return RedisLimiter(redis.Redis.from_url(self.settings.redis_url, decode_responses=True))
        return InProcessLimiter()

    @cached_property
    def visitor_tokens(self) -> VisitorTokens:
        return VisitorTokens(self.settings.signing_key(), ttl=self.settings.visitor_ttl)

    @cached_property
    def trusted_proxies(self):  # type: ignore[no-untyped-def]
        return parse_networks(self.settings.trusted_proxies)

    def build_index(self, *, full: bool = False) -> BuildReport:
        """Bring the index up to the catalogue."""
        from indexer.build import build

        return build(self.catalogue, self.snapshots, self.embedder, full=full, progress=self._progress)

    def close(self) -> None:
        """Release what was opened."""
        for name in ("bus", "database"):
            if name in self.__dict__:
                getattr(self, name).close()
