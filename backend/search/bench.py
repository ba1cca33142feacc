"""How search behaves from ten thousand to a million records: built, opened, asked, changed.

The catalogue is made up (:mod:`backend.search.synthetic` says how and what that means). Questions are real phrases and
the model that embeds them is the real one. Every stage of a search is timed by itself, then the whole.
"""

from __future__ import annotations

import os
import random
import resource
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from backend.search import candidates, query
from backend.search.bench_http import OverHttp
from backend.search.engine import SearchEngine, narrowed
from backend.search.freshness import Freshness
from backend.search.synthetic import COLLECTIONS, MEMBERS, Phrases, made_up_isbn
from backend.search.values import Filters, SearchPage, SearchRequest
from indexer.catalogue import Catalogue
from indexer.snapshot import SnapshotStore
from indexer.vectors import Allowed, VectorSegment
from indexer.view import IndexView

PUBLIC = frozenset({"public"})
SHARES = (1.0, 0.5, 0.1, 0.01, 0.001)
"""Of the passages that a filter leaves."""

T = TypeVar("T")


class BenchEmbedder(Protocol):
    """A real model."""

    @property
    def fingerprint(self) -> str: ...

    def embed_queries(self, texts: Sequence[str]) -> NDArray[np.float32]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """Milliseconds of wall clock, and of processor time (``cpu``, all threads) on average."""

    p50: float
    p95: float
    p99: float
    cpu: float

    def __str__(self) -> str:
        return f"p50 {self.p50:.2f}  p95 {self.p95:.2f}  p99 {self.p99:.2f}  cpu {self.cpu:.2f} ms"


@dataclass(slots=True)
class Stopwatch:
    """Times of named steps."""

    wall: dict[str, list[float]] = field(default_factory=dict)
    cpu: dict[str, list[float]] = field(default_factory=dict)

    def time(self, step: str, work: Callable[[], T]) -> T:
        cpu, wall = time.process_time(), time.perf_counter()
        result = work()
        self.wall.setdefault(step, []).append(time.perf_counter() - wall)
        self.cpu.setdefault(step, []).append(time.process_time() - cpu)
        return result

    def latency(self, step: str) -> Latency:
        p50, p95, p99 = (round(float(value) * 1000, 2) for value in np.percentile(self.wall[step], [50, 95, 99]))
        return Latency(p50=p50, p95=p95, p99=p99, cpu=round(float(np.mean(self.cpu[step])) * 1000, 2))


@dataclass(frozen=True, slots=True, kw_only=True)
class Filtered:
    """The vector index under a filter: its recall against an exact scan, and what a question costs."""

    recall_at_10: float
    latency: Latency


@dataclass(frozen=True, slots=True, kw_only=True)
class InProcess:
    """Searches by this process. ``open`` seconds, ``resident`` MiB; ``vectors`` by the share of the passages that a
    filter leaves; ``stages`` and ``searches`` by name."""

    open: float
    resident: float
    vectors: dict[str, Filtered]
    stages: dict[str, Latency]
    searches: dict[str, Latency]
    per_second: float


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchReport:
    """One size. Seconds and MiB. ``made_catalogue`` and ``made_index`` are None when they were there already; ``load``
    is how many other processes wanted this machine's ``cores`` meanwhile (its load average at the beginning)."""

    records: int
    cores: int
    load: float
    made_catalogue: float | None
    made_index: float | None
    catalogue_size: float
    index_size: float
    in_process: InProcess
    freshness: Freshness
    over_http: OverHttp | None
    synthetic: str = "records recombined from real phrases, vectors mixed from real ones: relevance means nothing"

    def lines(self) -> list[str]:
        """For a person."""
        here, fresh = self.in_process, self.freshness
        made = f"catalogue {_seconds(self.made_catalogue)}, index {_seconds(self.made_index)}"
        found = [
            f"{self.records:,} synthetic records ({self.synthetic})",
            f"{self.cores} cores, load {self.load}",
            f"made: {made}; disk: catalogue {self.catalogue_size:,.0f} MiB, index {self.index_size:,.0f} MiB",
            f"open {here.open} s, resident {here.resident:,.0f} MiB",
            *(
                f"  vectors, filter leaves {share:<5} recall@10 {one.recall_at_10:.3f}  {one.latency}"
                for share, one in here.vectors.items()
            ),
            *(f"  {name:<15} {latency}" for name, latency in here.stages.items()),
            *(f"  search, {name:<11} {latency}" for name, latency in here.searches.items()),
            f"in process: {here.per_second} searches/s",
            f"one write {fresh.write} s; then seen by another process: added {fresh.added}, changed {fresh.changed}, "
            f"withdrawn {fresh.withdrawn} s",
        ]
        if (web := self.over_http) is not None:
            found.append(
                f"HTTP, {web.workers} workers, {web.clients} clients: {web.per_second} searches/s, p50 {web.p50}, "
                f"p95 {web.p95}, p99 {web.p99}, cpu {web.cpu} ms; resident {web.resident:,.0f} MiB together"
            )
        return found


def _seconds(value: float | None) -> str:
    return "there already" if value is None else f"{value:.1f} s"


def opened(store: SnapshotStore, catalogue: Catalogue, embedder: BenchEmbedder) -> tuple[SearchEngine, float]:
    """A search engine, and the seconds until it could search."""
    started = time.perf_counter()
    engine = SearchEngine(store, catalogue, embedder)
    engine.refresh()
    return engine, round(time.perf_counter() - started, 2)


def measure(
    store: SnapshotStore, catalogue: Catalogue, embedder: BenchEmbedder, phrases: Phrases, *, searches: int
) -> tuple[InProcess, SearchEngine]:
    """Open the index of a made-up catalogue and search it; the figures and the open engine."""
    engine, opening = opened(store, catalogue, embedder)
    records = store.current().manifest.items
    requests = {
        "all": [SearchRequest(q=question) for question in questions(phrases, searches, seed=11)],
        "filtered": [_filtered(*one) for one in enumerate(questions(phrases, searches, seed=12))],
        "known item": [SearchRequest(q=made_up_isbn(number * 7919 % records)) for number in range(searches)],
    }
    for question in questions(phrases, 30, seed=13):
        engine.search(SearchRequest(q=question), PUBLIC)
    watch = Stopwatch()
    for name, group in requests.items():
        for request in group:
            watch.time(name, lambda request=request: engine.search(request, PUBLIC))  # type: ignore[misc]
    occupied = round(resident(), 1)
    stages = _stages(engine, IndexView(store.current()), catalogue, embedder, questions(phrases, 200, seed=14))
    figures = InProcess(
        open=opening,
        resident=occupied,
        vectors=_filtered_vectors(store, embedder, questions(phrases, 10, seed=15)),
        stages=stages,
        searches={name: watch.latency(name) for name in requests},
        per_second=round(_throughput(engine, questions(phrases, searches, seed=16)), 1),
    )
    return figures, engine


def questions(phrases: Phrases, count: int, *, seed: int) -> list[str]:
    """Titles, subjects and names as readers put them, each question once: the engine remembers the last ones."""
    pick = random.Random(seed)
    asked: dict[str, None] = {}
    for _ in range(count * 20):
        title, subject = pick.choice(phrases.titles), pick.choice(phrases.subjects)
        forms = (
            title,
            f"有没有关于{subject}的书",
            f"{title[:8]}是谁写的",
            f"{subject} {pick.choice(phrases.creators)}",
        )
        asked[pick.choice(forms)] = None
        if len(asked) == count:
            break
    return list(asked)


def _filtered(number: int, question: str) -> SearchRequest:
    choices = (
        Filters(members=(f"member-{number % MEMBERS}",)),
        Filters(collections=(f"collection-{number % COLLECTIONS}",), year_from=2015),
        Filters(year_from=2020, year_to=2020, available=True, members=("member-1",)),
        Filters(classes=("G",), languages=("eng",)),
    )
    return SearchRequest(q=question, filters=choices[number % len(choices)])


def _stages(
    engine: SearchEngine, view: IndexView, catalogue: Catalogue, embedder: BenchEmbedder, asked: Sequence[str]
) -> dict[str, Latency]:
    """Each stage of a plain search, one after another in this thread (a search overlaps them)."""
    watch = Stopwatch()
    narrow = narrowed(Filters(), PUBLIC)
    only = view.lexical_filter(narrow)
    for question in asked:
        parsed = watch.time("parse", lambda q=question: query.parse(q))  # type: ignore[misc]
        words = candidates.word_query(view.lexical, engine.tokeniser, parsed)[0]
        vector = watch.time("embed", lambda p=parsed: embedder.embed_queries([p.text])[0])  # type: ignore[misc]
        found = watch.time("lexical", lambda w=words: view.lexical.items(w, only, limit=candidates.POOL))  # type: ignore[misc]
        watch.time("facets", lambda w=words: view.lexical.facets(w, only))  # type: ignore[misc]
        watch.time("vectors", lambda v=vector: view.near(v, narrow, limit=candidates.NEAREST))  # type: ignore[misc]
        watch.time("score passages", lambda v=vector, f=found: view.best_passages(v, f.keys))  # type: ignore[misc]
        ids = [item_id for item_id in view.ids(found.keys[:10]) if item_id]
        watch.time("load items", lambda ids=ids: catalogue.get(ids))  # type: ignore[misc]
        page = engine.search(SearchRequest(q=question), PUBLIC)
        watch.time("write json", lambda p=page: _written(p))  # type: ignore[misc]
    return {name: watch.latency(name) for name in watch.wall}


def _written(page: SearchPage) -> str:
    return page.model_dump_json()


def _filtered_vectors(store: SnapshotStore, embedder: BenchEmbedder, asked: Sequence[str]) -> dict[str, Filtered]:
    """The vector index of the largest segment under filters that leave ever less of it, against an exact scan."""
    stored = store.current()
    name = max(stored.manifest.segments, key=lambda segment: segment.rows).name
    segment = VectorSegment(stored.path / "segments" / name, stored.manifest.fingerprints.dimension)
    random = np.random.default_rng(7)
    vectors = embedder.embed_queries(list(asked))
    found = {}
    for share in SHARES:
        allowed = Allowed(random.random(len(segment)) < share)
        watch, recall = Stopwatch(), []
        for vector in vectors:
            rows, _ = watch.time("nearest", lambda v=vector, a=allowed: segment.nearest(v, 10, allowed=a))  # type: ignore[misc]
            exact, _ = segment.scan(vector, 10, allowed=allowed)
            recall.append(len(set(rows.tolist()) & set(exact.tolist())) / max(len(exact), 1))
        found[str(share)] = Filtered(recall_at_10=round(float(np.mean(recall)), 4), latency=watch.latency("nearest"))
    return found


def _throughput(engine: SearchEngine, asked: Sequence[str]) -> float:
    started = time.perf_counter()
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        done = sum(1 for _ in pool.map(lambda question: engine.search(SearchRequest(q=question), PUBLIC), asked))
    return done / (time.perf_counter() - started)


def size_of(path: Path) -> float:
    """MiB of a folder's files."""
    return sum(found.stat().st_size for found in path.rglob("*") if found.is_file()) / 2**20


def resident() -> float:
    """MiB of this process that are in memory, mapped files included."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize() / 2**20
