"""The benchmark measures what it says, on a catalogue small enough for a test."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from backend.search.bench import BenchReport, measure, questions
from backend.search.freshness import Place, freshness
from backend.search.synthetic import MixingEmbedder, Phrases, fill, made_up, made_up_isbn
from indexer.catalogue import Catalogue
from indexer.catalogue import metadata as tables
from indexer.normalise import isbn13
from indexer.progress import Silent
from indexer.snapshot import SnapshotStore
from tests.search.library import HashingEmbedder

RECORDS = 300

PHRASES = Phrases(
    titles=[
        f"{place}{thing}研究" for place in "山海江河湖天地云" for thing in ("图书馆", "机械", "历史", "诗歌", "经济")
    ],
    creators=[f"{name}{other}" for name in "王李张刘" for other in "明华强文"],
    subjects=[f"{thing}学" for thing in ("图书馆", "机械", "历史", "诗歌", "经济", "天文", "地理")],
    publishers=["商务印书馆", "中华书局"],
)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    embedder = HashingEmbedder(64)
    pool = embedder.embed_passages(PHRASES.titles)
    made = Place(
        database_url=f"sqlite:///{tmp_path}/bench.db",
        index=tmp_path / "index",
        fingerprint=embedder.fingerprint,
        pool=pool,
    )
    tables.create_all(made.catalogue()._engine)
    return made


def test_a_made_up_record_is_the_same_whenever_it_is_made_and_can_be_asked_for() -> None:
    assert made_up(PHRASES, 17) == made_up(PHRASES, 17)
    assert made_up(PHRASES, 17).item.title != made_up(PHRASES, 18).item.title
    assert isbn13(made_up_isbn(17)) == made_up_isbn(17)


def test_a_broken_filling_goes_on_where_it_stopped(place: Place) -> None:
    catalogue = place.catalogue()
    fill(catalogue, PHRASES, 20, Silent())
    fill(catalogue, PHRASES, 50, Silent())
    assert len(catalogue.ids()) == catalogue.head_revision() == 50
    assert catalogue.item("r49") == made_up(PHRASES, 49).item


def test_made_up_vectors_are_unit_long_and_depend_on_the_text_alone() -> None:
    embedder = MixingEmbedder("m", np.eye(4, dtype=np.float32))
    both = embedder.embed_passages(["一", "二"])
    assert np.allclose(np.linalg.norm(both, axis=1), 1, atol=1e-5)
    assert np.array_equal(embedder.embed_passages(["二"])[0], both[1])


def test_questions_are_asked_once_each() -> None:
    asked = questions(PHRASES, 40, seed=1)
    assert len(set(asked)) == len(asked) == 40


def test_every_stage_and_kind_of_search_is_timed_and_a_write_is_seen_by_another_process(place: Place) -> None:
    fill(place.catalogue(), PHRASES, RECORDS, Silent())
    place.build()
    catalogue: Catalogue = place.catalogue()
    figures, engine = measure(SnapshotStore(place.index), catalogue, HashingEmbedder(64), PHRASES, searches=10)
    assert set(figures.searches) == {"all", "filtered", "known item"}
    assert {"embed", "lexical", "facets", "vectors", "load items", "write json"} <= set(figures.stages)
    assert all(0 < one.p50 <= one.p99 for one in [*figures.stages.values(), *figures.searches.values()])
    assert {share: one.recall_at_10 for share, one in figures.vectors.items()}["0.5"] == 1.0
    fresh = freshness(place, engine, PHRASES, first=RECORDS, rounds=1)
    assert max(fresh.added, fresh.changed, fresh.withdrawn) < 10
    report = BenchReport(
        records=RECORDS, cores=2, load=0.0, made_catalogue=None, made_index=1.0, catalogue_size=1, index_size=1,
        in_process=figures, freshness=fresh, over_http=None,
    )  # fmt: skip
    assert any("there already" in line for line in report.lines())
