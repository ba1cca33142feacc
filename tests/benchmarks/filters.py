"""Does a filter lose hits? Filtered searches against an index of the allowed items alone, at every selectivity.

Every item of a labelled set is given a collection by lot, so that the collections hold a half down to a thousandth of
everything. Under the filter of a collection, both engines together and each alone must find of its relevant items as
many as where nothing else is in the index. Run ``python -m tests.benchmarks.retrieval_sets FOLDER``, then
``python -m tests.benchmarks.filters FOLDER``.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from backend.search import candidates
from backend.search.engine import SearchEngine
from backend.search.query import parse
from backend.search.values import Filters, SearchRequest
from indexer.assembly import PassageEmbedder
from indexer.build import build
from indexer.embedding import PACKAGED, load_embedder
from indexer.passages import split_passages
from indexer.records import IndexItem
from indexer.snapshot import SnapshotStore
from indexer.view import IndexView, Narrow
from tests.benchmarks.known_items import PUBLIC
from tests.benchmarks.remembering import Remembering
from tests.search.library import FakeCatalogue, item

SHARES = {"half": 0.5, "tenth": 0.1, "hundredth": 0.01, "thousandth": 0.001}
DEPTH = 10
Asked = Mapping[str, frozenset[str]]
"""Question → ids of the items that answer it."""
Recall = dict[str, dict[str, dict[str, float]]]
"""Engine → share → recall@10 ``filtered`` and ``alone``, and how many questions were asked."""
_Pair = tuple[dict[str, list[str]], dict[str, list[str]], frozenset[str]]


class Embedder(PassageEmbedder):
    """A model for both sides."""

    def embed_queries(self, texts: Sequence[str]) -> NDArray[np.float32]: ...


def by_lot(items: Iterable[IndexItem], seed: int) -> list[IndexItem]:
    """The items, each in a collection drawn by :data:`SHARES` (else ``rest``)."""
    chance = random.Random(seed)
    names, weights = [*SHARES, "rest"], [*SHARES.values(), 1 - sum(SHARES.values())]
    drawn = [(one, chance.choices(names, weights)[0]) for one in items]
    return [replace(one, item=replace(one.item, collection=name)) for one, name in drawn]


class _Indexed:
    """An index over items, searched by both engines together and by each alone."""

    def __init__(self, folder: Path, items: Sequence[IndexItem], embedder: Embedder) -> None:
        self._embedder = embedder
        snapshots, books = SnapshotStore(folder), FakeCatalogue(items)
        build(books, snapshots, embedder)
        self._view = IndexView(snapshots.current())
        self._engine = SearchEngine(snapshots, books, embedder)

    def found(self, question: str, collections: tuple[str, ...]) -> dict[str, list[str]]:
        """Ids of the first hits of each engine."""
        narrow = Narrow(audiences=PUBLIC, collections=collections)
        request = SearchRequest(q=question, filters=Filters(collections=collections), size=DEPTH)
        words = candidates.word_query(self._view.lexical, self._engine.tokeniser, parse(question))[0]
        near = self._view.near(self._embedder.embed_queries([question])[0], narrow, limit=DEPTH * 10)
        by_words = self._view.lexical.items(words, self._view.lexical_filter(narrow), limit=DEPTH)
        return {
            "together": [hit.id for hit in self._engine.search(request, PUBLIC).hits],
            "words": self._view.ids(by_words.keys),
            "meaning": list(dict.fromkeys(self._view.ids(near.numbers)))[:DEPTH],
        }


def recall(items: Sequence[IndexItem], asked: Asked, folder: Path, embedder: Embedder, *, draws: int = 1) -> Recall:
    """Recall@10 of the relevant items in each collection, over the questions that have any there, in all draws."""
    pairs: dict[str, list[_Pair]] = {name: [] for name in SHARES}
    for draw in range(draws):
        _ask(by_lot(items, seed=draw), asked, folder / str(draw), embedder, pairs)
    return {
        engine: {
            name: {
                "filtered": _mean(_share(filtered[engine], wanted) for filtered, _, wanted in of_share),
                "alone": _mean(_share(only[engine], wanted) for _, only, wanted in of_share),
                "questions": len(of_share),
            }
            for name, of_share in pairs.items()
            if of_share
        }
        for engine in ("together", "words", "meaning")
    }


def _ask(
    items: Sequence[IndexItem], asked: Asked, folder: Path, embedder: Embedder, pairs: dict[str, list[_Pair]]
) -> None:
    """Add to ``pairs`` what is found for every question under the filter, what alone, and what is wanted."""
    whole = _Indexed(folder / "whole", items, embedder)
    for name in SHARES:
        allowed = [one for one in items if one.item.collection == name]
        here = frozenset(one.item.id for one in allowed)
        questions = {question: wanted & here for question, wanted in asked.items() if wanted & here}
        if questions:
            alone = _Indexed(folder / name, allowed, embedder)
            pairs[name] += [
                (whole.found(question, (name,)), alone.found(question, ()), wanted)
                for question, wanted in questions.items()
            ]


def _share(got: Sequence[str], wanted: frozenset[str]) -> float:
    return len(wanted & set(got)) / min(DEPTH, len(wanted))


def _mean(shares: Iterable[float]) -> float:
    listed = list(shares)
    return round(sum(listed) / len(listed), 4)


def labelled(folder: Path, questions: int, seed: int) -> tuple[list[IndexItem], Asked]:
    """The passages of all sets in ``folder`` as items, and questions drawn from all sets."""
    items, asked = [], {}
    for path in sorted(folder.glob("*.passages.jsonl")):
        for line in _lines(path):
            whole = item(line["id"], line["title"] or line["text"][:30], line["text"] or line["title"], kind="document")
            parts = split_passages(whole.item.id, whole.item.text, context=line["title"])
            items.append(replace(whole, passages=parts))
    for path in sorted(folder.glob("*.questions.jsonl")):
        asked |= {line["question"]: frozenset(line["passage_ids"]) for line in _lines(path)}
    drawn = random.Random(seed).sample(sorted(asked), min(questions, len(asked)))
    return items, {question: asked[question] for question in drawn}


def _lines(path: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--questions", type=int, default=4_000)
    parser.add_argument("--draws", type=int, default=5, help="lots")
    chosen = parser.parse_args()
    items, asked = labelled(chosen.folder, chosen.questions, seed=2)
    with tempfile.TemporaryDirectory() as folder:
        model = Remembering(load_embedder(PACKAGED, Path(folder) / "models"))
        json.dump(recall(items, asked, Path(folder), model, draws=chosen.draws), sys.stdout, indent=1)


if __name__ == "__main__":
    main()
