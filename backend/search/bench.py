"""How search behaves from ten thousand to a million records, on a catalogue that is made up from real phrases.

The records are recombined from the titles, names and subjects given; their vectors are mixtures of the real vectors of
those phrases with noise, because embedding a million texts takes hours. Questions are real phrases, and the time of
embedding them counts. So latency, memory and disk are what a real catalogue of that size gives; relevance is not.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import resource
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from backend.search.engine import SearchEngine
from backend.search.values import Filters, SearchRequest
from indexer.build import build
from indexer.progress import Progress, Silent
from indexer.records import Change, Classification, Holding, HoldingStatus, Identifier, IndexItem, Passage, StoredItem
from indexer.snapshot import SnapshotStore

PUBLIC = frozenset({"public"})
_MEMBERS = 8
_POOL = 2_000


class BenchEmbedder(Protocol):
    """A real model."""

    @property
    def fingerprint(self) -> str: ...

    def embed_passages(self, texts: Sequence[str]) -> NDArray[np.float32]: ...

    def embed_queries(self, texts: Sequence[str]) -> NDArray[np.float32]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Phrases:
    """The real words that made-up records are recombined from."""

    titles: Sequence[str]
    creators: Sequence[str]
    subjects: Sequence[str]
    publishers: Sequence[str]


@dataclass(frozen=True, slots=True)
class SyntheticCatalogue:
    """``count`` records, each made anew from its number whenever it is asked for: nothing is kept."""

    phrases: Phrases
    count: int
    seed: int = 7

    def head_revision(self) -> int:
        return self.count

    def changes(self, after: int = 0) -> Iterator[Change]:
        for number in range(after, self.count):
            yield self.entry(number)

    def get(self, ids: Sequence[str]) -> dict[str, StoredItem]:
        return {item_id: self.entry(int(item_id[1:])).item for item_id in ids if item_id}

    def item(self, item_id: str) -> StoredItem | None:
        return self.get([item_id])[item_id]

    def passages(self, item_id: str) -> list[Passage]:
        return list(self.entry(int(item_id[1:])).passages)

    def same_work(self, work_id: str) -> list[StoredItem]:
        return []

    def entry(self, number: int) -> IndexItem:
        """Record ``number``: its title is pieces of two real ones."""
        pick = random.Random(self.seed * 1_000_003 + number)
        one, other = pick.choice(self.phrases.titles), pick.choice(self.phrases.titles)
        title = one[: max(2, len(one) // 2)] + other[len(other) // 2 :]
        creator, publisher = pick.choice(self.phrases.creators), pick.choice(self.phrases.publishers)
        subjects = tuple(pick.sample(list(self.phrases.subjects), 2))
        year = pick.randint(1950, 2025)
        text = f"题名：{title}。责任者：{creator}。出版：{publisher}，{year}。主题：{'；'.join(subjects)}。"
        item_id = f"r{number}"
        mark = f"{pick.choice('ABCDEFGHIJKNOPQRSTUVXZ')}{pick.randint(1, 999)}"
        item = StoredItem(
            id=item_id,
            source_id=f"synthetic-{number}",
            collection=f"collection-{number % 5}",
            audience="public" if number % 20 else "branch:BENCH",
            kind="catalogue",
            title=title,
            text=text,
            revision=number + 1,
            creators=(creator,),
            publisher=publisher,
            year=year,
            language="chi" if number % 6 else "eng",
            identifiers=(Identifier(scheme="isbn", value=made_up_isbn(number)),),
            classifications=(Classification(scheme="clc", number=mark),),
            subjects=subjects,
            holdings=tuple(_holdings(pick, mark)),
        )
        passage = Passage(id=f"{item_id}-0", item_id=item_id, ordinal=0, start=0, end=len(text), text=text)
        return IndexItem(item=item, passages=(passage,))


def _holdings(pick: random.Random, mark: str) -> Iterator[Holding]:
    for member in pick.sample(range(_MEMBERS), pick.randint(1, 3)):
        status: HoldingStatus = "available" if pick.random() < 0.8 else "on_loan"
        yield Holding(member=f"member-{member}", call_number=f"{mark}/{pick.randint(1, 9999)}", status=status)


def made_up_isbn(number: int) -> str:
    """A valid ISBN-13 that belongs to record ``number``."""
    body = f"979{number:09d}"
    check = -sum(int(digit) * (1, 3)[place % 2] for place, digit in enumerate(body)) % 10
    return f"{body}{check}"


class MixingEmbedder:
    """Passages get mixtures of the vectors of real phrases. Asks for no model."""

    def __init__(self, fingerprint: str, pool: NDArray[np.float32], *, seed: int = 7) -> None:
        self.fingerprint = fingerprint
        self.dimension = int(pool.shape[1])
        self._pool = pool
        self._random = np.random.default_rng(seed)

    def embed_passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        first, second = self._random.integers(len(self._pool), size=(2, len(texts)))
        noise = self._random.normal(scale=0.015, size=(len(texts), self.dimension))
        mixed = 0.6 * self._pool[first] + 0.4 * self._pool[second] + noise
        return np.asarray(mixed / np.linalg.norm(mixed, axis=1, keepdims=True), dtype=np.float32)


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """Milliseconds."""

    p50: float
    p95: float
    p99: float

    @classmethod
    def of(cls, seconds: Sequence[float]) -> Latency:
        p50, p95, p99 = (round(float(value) * 1000, 2) for value in np.percentile(seconds, [50, 95, 99]))
        return cls(p50=p50, p95=p95, p99=p99)


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchReport:
    """One size. Seconds and MiB; latencies and ``embedding`` (one question) in milliseconds.

    ``visible``: from the call that writes one changed record until a search finds it.
    """

    records: int
    build: float
    disk: float
    open: float
    resident: float
    embedding: float
    search: Latency
    filtered: Latency
    known_item: Latency
    per_second: float
    visible: float
    synthetic: bool = True


def bench_search(
    directory: Path,
    phrases: Phrases,
    embedder: BenchEmbedder,
    *,
    records: int,
    searches: int = 300,
    progress: Progress | None = None,
) -> BenchReport:
    """Build a made-up index of ``records`` in ``directory`` (by a process of its own) and measure searches here."""
    progress = progress or Silent()
    progress.start("embedding phrases")
    pool = embedder.embed_passages(random.Random(7).sample(list(phrases.titles), min(_POOL, len(phrases.titles))))
    progress.start(f"building {records:,} records")
    started = time.perf_counter()
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as own:
        own.submit(_build, directory, phrases, records, embedder.fingerprint, pool).result()
    building = time.perf_counter() - started
    store = SnapshotStore(directory)
    progress.start("opening")
    started = time.perf_counter()
    catalogue = SyntheticCatalogue(phrases, records)
    engine = SearchEngine(store, catalogue, embedder)
    engine.refresh()
    opening = time.perf_counter() - started
    progress.start("searching", searches)
    questions = _questions(phrases, searches)
    plain = [SearchRequest(q=question) for question in questions]
    narrow = [_filtered(question, number) for number, question in enumerate(questions)]
    known = [SearchRequest(q=made_up_isbn(number * 7919 % records)) for number in range(searches)]
    _times(engine, plain[:20])
    report = BenchReport(
        records=records,
        build=round(building, 1),
        disk=round(_size(store.current().path), 1),
        open=round(opening, 2),
        embedding=round(_embedding(embedder, questions[:50]) * 1000, 2),
        search=Latency.of(_times(engine, plain)),
        filtered=Latency.of(_times(engine, narrow)),
        known_item=Latency.of(_times(engine, known)),
        per_second=round(_throughput(engine, plain), 1),
        resident=round(_resident(), 1),
        visible=round(_visible(engine, store, phrases, records, embedder, pool), 3),
    )
    progress.finish()
    return report


def _build(directory: Path, phrases: Phrases, records: int, fingerprint: str, pool: NDArray[np.float32]) -> None:
    build(SyntheticCatalogue(phrases, records), SnapshotStore(directory), MixingEmbedder(fingerprint, pool))


def _questions(phrases: Phrases, count: int) -> list[str]:
    pick = random.Random(11)
    questions = []
    for _ in range(count):
        title, subject = pick.choice(phrases.titles), pick.choice(phrases.subjects)
        forms = (
            title,
            f"有没有关于{subject}的书",
            f"{title[:8]}是谁写的",
            f"{subject} {pick.choice(phrases.creators)}",
        )
        questions.append(pick.choice(forms))
    return questions


def _filtered(question: str, number: int) -> SearchRequest:
    choices = (
        Filters(members=(f"member-{number % _MEMBERS}",)),
        Filters(collections=(f"collection-{number % 5}",), year_from=2015),
        Filters(year_from=2020, year_to=2020, available=True, members=("member-1",)),
        Filters(classes=("G",), languages=("eng",)),
    )
    return SearchRequest(q=question, filters=choices[number % len(choices)])


def _times(engine: SearchEngine, requests: Sequence[SearchRequest]) -> list[float]:
    times = []
    for request in requests:
        started = time.perf_counter()
        engine.search(request, PUBLIC)
        times.append(time.perf_counter() - started)
    return times


def _embedding(embedder: BenchEmbedder, questions: Sequence[str]) -> float:
    times = []
    for question in questions:
        started = time.perf_counter()
        embedder.embed_queries([question])
        times.append(time.perf_counter() - started)
    return float(np.median(times))


def _throughput(engine: SearchEngine, requests: Sequence[SearchRequest]) -> float:
    started = time.perf_counter()
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        done = sum(1 for _ in pool.map(lambda request: engine.search(request, PUBLIC), requests))
    return done / (time.perf_counter() - started)


def _visible(
    engine: SearchEngine,
    store: SnapshotStore,
    phrases: Phrases,
    records: int,
    embedder: BenchEmbedder,
    pool: NDArray[np.float32],
) -> float:
    grown = SyntheticCatalogue(phrases, records + 1)
    started = time.perf_counter()
    build(grown, store, MixingEmbedder(embedder.fingerprint, pool))
    engine.refresh()
    if engine.search(SearchRequest(q=made_up_isbn(records)), PUBLIC | {"branch:BENCH"}).total == 0:
        raise RuntimeError("the changed record was not found")
    return time.perf_counter() - started


def _size(path: Path) -> float:
    return sum(found.stat().st_size for found in path.rglob("*") if found.is_file()) / 2**20


def _resident() -> float:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize() / 2**20
