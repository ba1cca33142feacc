"""Search quality on a frozen set, so that a change that makes it worse fails here.

The passages and questions were written for this project; they share the index with the demo's rules and answers, which
are about the same things. Model, tokeniser and ranking are deterministic, so the margin need not allow for luck: it is
two questions, for other processors round the model's integers otherwise.
Measure anew after a deliberate change: ``python -m tests.golden.test_retrieval``.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import pytest

from backend.demo import build as demo
from backend.search.engine import SearchEngine
from backend.search.evaluation import Report, evaluate_retrieval, read_passages, read_questions
from backend.search.values import SearchRequest
from indexer.build import build
from indexer.embedding import load_embedder
from indexer.snapshot import SnapshotStore
from tests.indexer.factories import catalogue, load

HERE = Path(__file__).parent
BASELINE = HERE / "retrieval_baseline.json"
DISTRACTORS = Path(demo.__file__).parent / "data" / "policies.jsonl"
MARGIN = {"R@1": 2, "R@5": 2, "MRR@10": 2}
"""Questions' worth of each measure that may be lost."""


def measure(folder: Path) -> Report:
    """Everything as an installation does it, model included."""
    books = catalogue(folder)
    load(books, HERE / "retrieval_passages.jsonl", collection="golden", kind="document")
    load(books, DISTRACTORS, collection="rules", kind="policy")
    embedder, snapshots = load_embedder("packaged", folder), SnapshotStore(folder / "index")
    build(books, snapshots, embedder)
    engine = SearchEngine(snapshots, books, embedder)

    def search(question: str) -> list[str]:
        hits = engine.search(SearchRequest(q=question, size=10), frozenset({"public"})).hits
        return [hit.source_id for hit in hits]

    passages, questions = (read(HERE / f"retrieval_{name}.jsonl") for read, name in _READ)
    return evaluate_retrieval(search, passages, questions)  # type: ignore[arg-type]


_READ = ((read_passages, "passages"), (read_questions, "questions"))


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Report:
    return measure(tmp_path_factory.mktemp("golden"))


@pytest.mark.parametrize("name", sorted(MARGIN))
def test_search_quality_has_not_dropped(report: Report, name: str) -> None:
    baseline = json.loads(BASELINE.read_text(encoding="utf-8"))
    assert report.questions_digest == baseline["questions"], "the frozen set was changed: measure it anew"
    lost = (baseline["means"][name] - report.means[name]) * len(report.answered)
    assert lost <= MARGIN[name] + 1e-6, "\n".join(report.lines(worst=30))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        measured = measure(Path(temporary))
    figures = {"questions": measured.questions_digest, "means": measured.means}
    BASELINE.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    print(*measured.lines(worst=30), sep="\n")
