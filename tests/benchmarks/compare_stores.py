"""Ours beside what one would otherwise take, in one run: the same passages, the same vectors, the same questions.

::

    python -m venv rivals
    rivals/bin/pip install torch==2.13.0 txtai chromadb lancedb qdrant-client milvus-lite pymilvus jieba
    python -m tests.benchmarks.compare_stores --python rivals/bin/python \
        --passages FILE.jsonl --questions FILE.jsonl [--distractors FILE.jsonl] [--simplified] [--limit N] [--save F]

The passages are loaded as ``lianwen ingest`` loads them; the vectors of our index and of the questions (packaged model)
are written down and given to every other store, with the words of each passage for its own text search where it has
one, as its documentation sets it up. A question's best ten documents count, a document being as near as its best
passage. Milliseconds are those of one search in one thread without embedding the question, which is the same for all.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import opencc
from numpy.typing import NDArray
from sqlalchemy import create_engine

from backend.search.candidates import word_query
from backend.search.engine import SearchEngine
from backend.search.query import parse
from backend.search.values import SearchRequest
from indexer.build import build
from indexer.catalogue import Catalogue, metadata
from indexer.embedding import load_embedder
from indexer.ingest import IngestOptions, ingest
from indexer.records import IndexItem
from indexer.snapshot import SnapshotStore
from indexer.view import IndexView, Narrow
from tests.benchmarks.other_stores import Figures, summary
from tests.benchmarks.remembering import Remembering

PUBLIC = frozenset({"public"})


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", type=Path, required=True, help="the Python that has the other stores")
    parser.add_argument("--passages", type=Path, required=True)
    parser.add_argument("--questions", type=Path, required=True)
    parser.add_argument("--distractors", type=Path, help="more passages, that no question is about")
    parser.add_argument("--distractor-count", type=int, default=1_000)
    parser.add_argument("--simplified", action="store_true", help="ask in Simplified characters")
    parser.add_argument("--limit", type=int, default=500, help="questions")
    parser.add_argument("--store", action="append", default=[], help="only this one of the others (repeat it)")
    parser.add_argument("--save", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="lianwen-stores-") as folder:
        figures = _compare(options, Path(folder))
    for line in table(figures):
        print(line)
    if options.save:
        options.save.write_text(json.dumps(figures, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def table(figures: Sequence[Figures]) -> list[str]:
    """The figures as a Markdown table, best first."""
    rows = sorted(figures, key=lambda row: -row["r1"])
    return ["| store | search | R@1 | R@10 | ms p50 |", "|---|---|---|---|---|"] + [
        f"| {row['store']} | {row['search']} | {row['r1']:.3f} | {row['r10']:.3f} | {row['ms']:.1f} |" for row in rows
    ]


def _compare(options: argparse.Namespace, folder: Path) -> list[Figures]:
    asked = _questions(options)
    catalogue, embedder, store = _index(options, folder)
    vectors = embedder.embed_queries([question for question, _ in asked])
    found = [_ours(name, search, asked) for name, search in _searches(catalogue, embedder, store)]
    _write_down(folder, catalogue, embedder, asked, vectors)
    others = Path(__file__).with_name("other_stores.py")
    lines = subprocess.run(
        [options.python, others, folder, *options.store],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    ).stdout.splitlines()
    return found + [json.loads(line) for line in lines if line.startswith("{")]


def _searches(
    catalogue: Catalogue, embedder: Remembering, store: SnapshotStore
) -> Iterator[tuple[str, Callable[[str], list[str]]]]:
    """A reader's search, then either half of it alone, as one uses a store."""
    engine, view, narrow = (
        SearchEngine(store, catalogue, embedder),
        IndexView(store.current()),
        Narrow(audiences=PUBLIC),
    )
    only = view.lexical_filter(narrow)

    def whole(question: str) -> list[str]:
        return [hit.source_id for hit in engine.search(SearchRequest(q=question, size=10), PUBLIC).hits]

    def by_meaning(question: str) -> list[str]:
        numbers = view.near(embedder.embed_queries([question])[0], narrow, limit=50).numbers
        return [item_id for item_id in dict.fromkeys(view.ids(numbers)) if item_id]

    def by_words(question: str) -> list[str]:
        wanted = word_query(view.lexical, engine.tokeniser, parse(question))[0]
        return view.ids(view.lexical.items(wanted, only, limit=50, any_token=True).keys)

    sources = {item_id: item.source_id for item_id, item in catalogue.get(catalogue.ids()).items()}
    yield "words + vectors, whole page", whole
    yield "vectors", lambda question: [sources[item_id] for item_id in by_meaning(question)]
    yield "BM25 (jieba + characters)", lambda question: [sources[item_id] for item_id in by_words(question)]


def _ours(name: str, search: Callable[[str], list[str]], asked: Sequence[tuple[str, list[str]]]) -> Figures:
    answers, times = [], []
    for question, _ in asked[:10]:
        search(question)
    for question, _ in asked:
        started = time.perf_counter()
        answers.append(search(question))
        times.append(time.perf_counter() - started)
    return summary("lianwen", name, answers, [wanted for _, wanted in asked], times)


def _questions(options: argparse.Namespace) -> list[tuple[str, list[str]]]:
    convert = opencc.OpenCC("t2s").convert if options.simplified else str
    with options.questions.open(encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    return [(convert(row["question"]), row["passage_ids"]) for row in rows[: options.limit]]


def _index(options: argparse.Namespace, folder: Path) -> tuple[Catalogue, Remembering, SnapshotStore]:
    database = create_engine(f"sqlite:///{folder}/catalogue.db")
    metadata.create_all(database)
    catalogue = Catalogue(database)
    inputs = [str(options.passages)]
    if options.distractors:
        more = folder / "distractors.jsonl"
        lines = options.distractors.read_text(encoding="utf-8").splitlines(keepends=True)
        more.write_text("".join(lines[: options.distractor_count]), encoding="utf-8")
        inputs.append(str(more))
    ingest(catalogue, inputs, IngestOptions(collection="passages", kind="document"))
    embedder = Remembering(load_embedder("packaged", folder))
    store = SnapshotStore(folder / "index")
    build(catalogue, store, embedder)
    return catalogue, embedder, store


def _write_down(
    folder: Path,
    catalogue: Catalogue,
    embedder: Remembering,
    asked: Sequence[tuple[str, list[str]]],
    vectors: NDArray[np.float32],
) -> None:
    stored = SnapshotStore(folder / "index").current()
    rows = [
        np.fromfile(stored.path / "segments" / segment.name / "vectors.f16", dtype="<f2")
        for segment in stored.manifest.segments
    ]
    np.save(folder / "passages.npy", np.concatenate(rows).reshape(-1, embedder.dimension).astype(np.float32))
    np.save(folder / "questions.npy", vectors)
    with (folder / "passages.jsonl").open("w", encoding="utf-8") as file:
        for document, text in _passages(catalogue):
            file.write(json.dumps({"document": document, "text": text}, ensure_ascii=False) + "\n")
    with (folder / "questions.jsonl").open("w", encoding="utf-8") as file:
        for question, wanted in asked:
            file.write(json.dumps({"question": question, "wanted": wanted}, ensure_ascii=False) + "\n")


def _passages(catalogue: Catalogue) -> Iterator[tuple[str, str]]:
    """Source id and text of every passage, in the order of the index's rows."""
    for change in catalogue.changes():
        if isinstance(change, IndexItem):
            for passage in change.passages:
                yield change.item.source_id, f"{passage.context}\n{passage.text}".strip()


if __name__ == "__main__":
    main()
