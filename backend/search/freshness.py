"""How soon a write is seen: one process adds, changes and withdraws records, this one searches until it notices."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from backend.core.db import create_database_engine
from backend.search.engine import SearchEngine
from backend.search.synthetic import BRANCH_AUDIENCE, MixingEmbedder, Phrases, fill, made_up, made_up_isbn
from backend.search.values import SearchRequest
from indexer.build import build
from indexer.catalogue import Catalogue, ItemRow
from indexer.progress import Silent
from indexer.snapshot import SnapshotStore

_EVERYONE = frozenset({"public", BRANCH_AUDIENCE})
_POLL_SECONDS = 0.005
_GIVE_UP_SECONDS = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a made-up catalogue and its index are, and what embeds its texts."""

    database_url: str
    index: Path
    fingerprint: str
    pool: NDArray[np.float32]

    def catalogue(self) -> Catalogue:
        return Catalogue(create_database_engine(self.database_url))

    def build(self) -> None:
        build(self.catalogue(), SnapshotStore(self.index), MixingEmbedder(self.fingerprint, self.pool))


@dataclass(frozen=True, slots=True, kw_only=True)
class Freshness:
    """Seconds, the worst of the rounds. ``write``: storing one record and updating the index; ``added``, ``changed``
    and ``withdrawn``: from the acknowledged write until a search in another process shows it."""

    write: float
    added: float
    changed: float
    withdrawn: float


def build_made_up(place: Place, phrases: Phrases, records: int) -> tuple[float, float]:
    """Catalogue and index of ``records``, made by a process of its own; the seconds that each took."""
    with _apart() as other:
        return other.submit(_build, place, phrases, records).result()


def freshness(place: Place, engine: SearchEngine, phrases: Phrases, *, first: int, rounds: int = 3) -> Freshness:
    """Write ``rounds`` new records, numbered from ``first``, change and withdraw them again."""
    seen: dict[str, list[float]] = {"write": [], "added": [], "changed": [], "withdrawn": []}
    with _apart() as other:
        # a writer that runs already has loaded its dictionaries and libraries
        spare = made_up(phrases, first + rounds)
        other.submit(_write, place, spare).result()
        other.submit(_withdraw, place, spare.item.id).result()

        def do(step: str, wanted: Callable[[], bool], work: Future[tuple[float, float]]) -> None:
            seconds, acknowledged = work.result()
            seen["write"].append(seconds)
            seen[step].append(_until(wanted) - acknowledged)

        for number in range(first, first + rounds):
            row = made_up(phrases, number)
            isbn = SearchRequest(q=made_up_isbn(number))
            title = f"{row.item.title}（增订{number}）"
            changed = replace(row, item=replace(row.item, title=title), digest=f"changed {number}")

            def titles(request: SearchRequest = isbn) -> list[str]:
                return [hit.title for hit in engine.search(request, _EVERYONE).hits if hit.why.startswith("ISBN")]

            def is_shown(expected: list[str], titles: Callable[[], list[str]] = titles) -> Callable[[], bool]:
                return lambda: titles() == expected

            do("added", is_shown([row.item.title]), other.submit(_write, place, row))
            do("changed", is_shown([title]), other.submit(_write, place, changed))
            do("withdrawn", is_shown([]), other.submit(_withdraw, place, row.item.id))
    return Freshness(**{name: round(max(times), 3) for name, times in seen.items()})


def _until(wanted: Callable[[], bool]) -> float:
    deadline = time.monotonic() + _GIVE_UP_SECONDS
    while not wanted():
        if time.monotonic() > deadline:
            raise RuntimeError(f"a write was not seen within {_GIVE_UP_SECONDS:.0f} seconds")
        time.sleep(_POLL_SECONDS)
    return time.monotonic()


@contextmanager
def _apart() -> Iterator[ProcessPoolExecutor]:
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as other:
        yield other


def _build(place: Place, phrases: Phrases, records: int) -> tuple[float, float]:
    started = time.perf_counter()
    fill(place.catalogue(), phrases, records, Silent())
    filled = time.perf_counter()
    place.build()
    return filled - started, time.perf_counter() - filled


def _write(place: Place, row: ItemRow) -> tuple[float, float]:
    started = time.perf_counter()
    with place.catalogue().begin() as transaction:
        transaction.store([row])
    place.build()
    return time.perf_counter() - started, time.monotonic()


def _withdraw(place: Place, item_id: str) -> tuple[float, float]:
    started = time.perf_counter()
    with place.catalogue().begin() as transaction:
        transaction.withdraw([item_id])
    place.build()
    return time.perf_counter() - started, time.monotonic()
