"""Does a filter lose hits? Filtered searches against an index of the allowed items alone, at every selectivity.

Texts are recombined from the titles of a catalogue and given a collection by lot, so that the collections hold a half
down to a thousandth of everything. Both engines together, and each alone, must find under the filter what they find
where nothing else is. Run: ``python -m tests.benchmarks.filters FILE.mrc [--items 50000]``
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from backend.search import fuse
from backend.search.engine import SearchEngine
from backend.search.query import parse
from backend.search.values import Filters, SearchRequest
from indexer.build import build
from indexer.lexical import WordQuery
from indexer.records import IndexItem
from indexer.snapshot import SnapshotStore
from indexer.view import IndexView, Narrow
from tests.benchmarks.known_items import PUBLIC, stored
from tests.indexer.factories import catalogue, load
from tests.search.library import FakeCatalogue, HashingEmbedder, item

SHARES = {"half": 0.5, "tenth": 0.1, "hundredth": 0.01, "thousandth": 0.001}
DEPTH = 10
Search = Callable[[str, tuple[str, ...]], list[str]]


def recombined(titles: Sequence[str], count: int, seed: int) -> list[IndexItem]:
    """Items whose texts join three titles, each in a collection drawn by :data:`SHARES` (else ``rest``)."""
    chance = random.Random(seed)
    made = []
    for number in range(count):
        text = "。".join(chance.sample(titles, 3))
        names = [*SHARES, "rest"]
        weights = [*SHARES.values(), 1 - sum(SHARES.values())]
        collection = chance.choices(names, weights)[0]
        made.append(item(f"i{number:06}", text[:40], text, kind="document", collection=collection))
    return made


class _Indexed:
    """An index over items, searched by both engines together and by each alone."""

    def __init__(self, folder: Path, items: Sequence[IndexItem]) -> None:
        self._embedder = HashingEmbedder(64)
        snapshots, books = SnapshotStore(folder), FakeCatalogue(items)
        self._view = IndexView(build_and_open(books, snapshots, self._embedder))
        self._engine = SearchEngine(snapshots, books, self._embedder)

    def together(self, question: str, collections: tuple[str, ...]) -> list[str]:
        request = SearchRequest(q=question, filters=Filters(collections=collections), size=DEPTH)
        return [hit.id for hit in self._engine.search(request, PUBLIC).hits]

    def words(self, question: str, collections: tuple[str, ...]) -> list[str]:
        tokens = self._engine.tokeniser.folded_tokens(parse(question).folded)
        query = WordQuery(weights=fuse.token_weights(tokens, tokens))
        narrow = self._view.lexical_filter(Narrow(audiences=PUBLIC, collections=collections))
        return self._view.ids(self._view.lexical.items(query, narrow, limit=DEPTH).keys)

    def meaning(self, question: str, collections: tuple[str, ...]) -> list[str]:
        vector = np.asarray(self._embedder.embed_queries([question])[0])
        near = self._view.near(vector, Narrow(audiences=PUBLIC, collections=collections), limit=DEPTH)
        return self._view.ids(near.numbers)


def build_and_open(books: FakeCatalogue, snapshots: SnapshotStore, embedder: HashingEmbedder):  # type: ignore[no-untyped-def]
    """Build the index; its newest snapshot."""
    build(books, snapshots, embedder)
    return snapshots.current()


def lost(items: Sequence[IndexItem], questions: Sequence[str], folder: Path) -> dict[str, dict[str, float]]:
    """Recall@10 under a filter of what an index of only the allowed items finds, by engine and share."""
    whole = _Indexed(folder / "whole", items)
    found: dict[str, dict[str, float]] = {"words": {}, "meaning": {}, "together": {}}
    for name in SHARES:
        alone = _Indexed(folder / name, [one for one in items if one.item.collection == name])
        for engine, recalls in found.items():
            pairs = [(getattr(whole, engine)(q, (name,)), getattr(alone, engine)(q, ())) for q in questions]
            shares = [_recall(got, wanted) for got, wanted in pairs if wanted]
            recalls[name] = round(sum(shares) / len(shares), 4) if shares else 1.0
    return found


def _recall(got: Sequence[str], wanted: Sequence[str]) -> float:
    return len(set(got) & set(wanted)) / len(wanted)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--items", type=int, default=50_000)
    parser.add_argument("--questions", type=int, default=100)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        books = catalogue(Path(folder))
        load(books, chosen.file)
        titles = [one.title for one in stored(books)]
        items = recombined(titles, chosen.items, seed=1)
        questions = random.Random(2).sample(titles, chosen.questions)
        json.dump(lost(items, questions, Path(folder)), sys.stdout, indent=1)


if __name__ == "__main__":
    main()
