"""Other stores over passages, vectors and questions that ``compare_stores`` wrote down: run by a Python that has them.

``other_stores.py FOLDER [STORE…]`` prints one JSON object a line. Needs numpy and the stores alone; a store that is not
installed or does not start is named on stderr and left out.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict

import numpy as np

_DEPTH = 50
"""Passages asked for, of which the first ten documents are taken."""

Search = Callable[[int], Sequence[int]]
"""Number of a question → numbers of passages, best first."""


class Figures(TypedDict):
    """One store's kind of search. ``ms``: median milliseconds."""

    store: str
    search: str
    r1: float
    r10: float
    ms: float


@dataclass(frozen=True)
class Task:
    """What is searched and asked."""

    folder: Path
    texts: list[str]
    documents: list[str]
    vectors: Any
    questions: list[str]
    question_vectors: Any
    wanted: list[list[str]]

    @classmethod
    def read(cls, folder: Path) -> Task:
        passages = [json.loads(line) for line in (folder / "passages.jsonl").open(encoding="utf-8")]
        questions = [json.loads(line) for line in (folder / "questions.jsonl").open(encoding="utf-8")]
        return cls(
            folder=folder,
            texts=[row["text"] for row in passages],
            documents=[row["document"] for row in passages],
            vectors=np.load(folder / "passages.npy"),
            questions=[row["question"] for row in questions],
            question_vectors=np.load(folder / "questions.npy"),
            wanted=[row["wanted"] for row in questions],
        )


def summary(
    store: str, search: str, answers: Sequence[Sequence[str]], wanted: Sequence[Sequence[str]], times: Sequence[float]
) -> Figures:
    """Share of questions whose document is first, and among the first ten."""
    hits = [[document in right for document in found[:10]] for found, right in zip(answers, wanted, strict=True)]
    return {
        "store": store,
        "search": search,
        "r1": round(statistics.mean(bool(hit and hit[0]) for hit in hits), 4),
        "r10": round(statistics.mean(any(hit) for hit in hits), 4),
        "ms": round(statistics.median(times) * 1000, 2),
    }


def txtai(task: Task) -> Iterator[tuple[str, Search]]:
    from txtai import Embeddings

    known = dict(zip(task.texts, task.vectors, strict=True))
    known |= dict(zip(task.questions, task.question_vectors, strict=True))

    def transform(texts: Sequence[str]) -> Any:
        return np.stack([known[text] for text in texts])

    for name, settings in (
        ("vectors", {"method": "external", "transform": transform}),
        ("BM25", {"keyword": True}),
        ("hybrid", {"method": "external", "transform": transform, "hybrid": True}),
    ):
        store = Embeddings(settings)
        store.index((number, text, None) for number, text in enumerate(task.texts))
        yield name, lambda n, store=store: [int(found[0]) for found in store.search(task.questions[n], _DEPTH)]


def chromadb(task: Task) -> Iterator[tuple[str, Search]]:
    import chromadb as library

    client = library.PersistentClient(str(task.folder / "chroma"))
    store = client.create_collection("passages", metadata={"hnsw:space": "cosine"}, embedding_function=None)
    for start in range(0, len(task.texts), 2_000):
        part = slice(start, start + 2_000)
        ids = [str(number) for number in range(len(task.texts))[part]]
        store.add(ids=ids, embeddings=task.vectors[part], documents=task.texts[part])

    def search(number: int) -> list[int]:
        found = store.query(query_embeddings=task.question_vectors[number : number + 1], n_results=_DEPTH, include=[])
        return [int(one) for one in found["ids"][0]]

    yield "vectors", search


def lancedb(task: Task) -> Iterator[tuple[str, Search]]:
    import lancedb as library

    rows = [
        {"number": number, "text": text, "vector": vector}
        for number, (text, vector) in enumerate(zip(task.texts, task.vectors, strict=True))
    ]
    table = library.connect(str(task.folder / "lance")).create_table("passages", rows)
    table.create_fts_index("text")

    def numbers(found: Any) -> list[int]:
        return [int(row["number"]) for row in found.limit(_DEPTH).to_list()]

    vectors, questions = task.question_vectors, task.questions
    yield "vectors", lambda n: numbers(table.search(vectors[n]).distance_type("cosine"))
    yield "full text", lambda n: numbers(table.search(questions[n], query_type="fts"))
    yield "hybrid", lambda n: numbers(table.search(query_type="hybrid").vector(vectors[n]).text(questions[n]))


def qdrant(task: Task) -> Iterator[tuple[str, Search]]:
    from qdrant_client import QdrantClient
    from qdrant_client.models import Distance, PointStruct, VectorParams

    client = QdrantClient(path=str(task.folder / "qdrant"))
    size = task.vectors.shape[1]
    client.create_collection("passages", vectors_config=VectorParams(size=size, distance=Distance.COSINE))
    for start in range(0, len(task.texts), 500):
        numbers = range(start, min(start + 500, len(task.texts)))
        client.upsert("passages", [PointStruct(id=n, vector=task.vectors[n].tolist()) for n in numbers])

    def search(number: int) -> list[int]:
        found = client.query_points("passages", query=task.question_vectors[number].tolist(), limit=_DEPTH)
        return [int(point.id) for point in found.points]

    yield "vectors", search


def milvus(task: Task) -> Iterator[tuple[str, Search]]:
    from pymilvus import AnnSearchRequest, DataType, Function, FunctionType, MilvusClient, RRFRanker

    client = MilvusClient(str(task.folder / "milvus.db"))
    schema = client.create_schema()
    schema.add_field("id", DataType.INT64, is_primary=True)
    schema.add_field(
        "text", DataType.VARCHAR, max_length=8_000, enable_analyzer=True, analyzer_params={"tokenizer": "jieba"}
    )
    schema.add_field("dense", DataType.FLOAT_VECTOR, dim=task.vectors.shape[1])
    schema.add_field("sparse", DataType.SPARSE_FLOAT_VECTOR)
    schema.add_function(Function("bm25", FunctionType.BM25, input_field_names=["text"], output_field_names=["sparse"]))
    indexes = client.prepare_index_params()
    indexes.add_index("dense", index_type="AUTOINDEX", metric_type="COSINE")
    indexes.add_index("sparse", index_type="SPARSE_INVERTED_INDEX", metric_type="BM25")
    client.create_collection("passages", schema=schema, index_params=indexes)
    for start in range(0, len(task.texts), 500):
        numbers = range(start, min(start + 500, len(task.texts)))
        rows = [{"id": n, "text": task.texts[n], "dense": task.vectors[n].tolist()} for n in numbers]
        client.insert("passages", rows)
    client.load_collection("passages")

    def ids(found: Any) -> list[int]:
        return [int(hit["id"]) for hit in found[0]]

    def plain(question: Any, field: str, metric: str) -> list[int]:
        return ids(
            client.search("passages", [question], anns_field=field, limit=_DEPTH, search_params={"metric_type": metric})
        )

    def both(number: int) -> list[int]:
        asked = [
            AnnSearchRequest([task.question_vectors[number].tolist()], "dense", {"metric_type": "COSINE"}, _DEPTH),
            AnnSearchRequest([task.questions[number]], "sparse", {"metric_type": "BM25"}, _DEPTH),
        ]
        return ids(client.hybrid_search("passages", asked, RRFRanker(), limit=_DEPTH))

    yield "vectors", lambda n: plain(task.question_vectors[n].tolist(), "dense", "COSINE")
    yield "BM25 (jieba)", lambda n: plain(task.questions[n], "sparse", "BM25")
    yield "hybrid (RRF)", both


STORES = {
    "txtai": txtai, "chromadb": chromadb, "lancedb": lancedb, "qdrant-client local": qdrant, "milvus-lite": milvus
}  # fmt: skip


def measured(task: Task, store: str, name: str, search: Search) -> Figures:
    """Ask every question once, after a few to warm up."""
    for number in range(min(10, len(task.questions))):
        search(number)
    answers, times = [], []
    for number in range(len(task.questions)):
        started = time.perf_counter()
        passages = search(number)
        times.append(time.perf_counter() - started)
        answers.append(list(dict.fromkeys(task.documents[passage] for passage in passages)))
    return summary(store, name, answers, task.wanted, times)


def main() -> None:
    """Every store that is here, or those that are named."""
    task = Task.read(Path(sys.argv[1]))
    for store in sys.argv[2:] or list(STORES):
        searches = STORES[store]
        try:
            for name, search in searches(task):
                print(json.dumps(measured(task, store, name, search)), flush=True)
        except Exception as error:  # noqa: BLE001 - the edge of a process; what fails is named, the others go on
            print(f"{store}: {type(error).__name__}: {str(error)[:300]}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
