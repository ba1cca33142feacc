"""The search port over a small library."""

from __future__ import annotations

from pathlib import Path

import pytest

from backend.core.errors import InputError, NotReady
from backend.search.engine import SearchEngine
from backend.search.values import Filters, SearchRequest
from indexer.build import build
from indexer.snapshot import SnapshotStore
from indexer.tokens import Tokeniser
from tests.search.conftest import PUBLIC
from tests.search.library import FakeCatalogue, HashingEmbedder, item

ACME = frozenset({"public", "branch:ACME"})


def ids(engine: SearchEngine, q: str, audiences: frozenset[str] = PUBLIC, **filters: object) -> list[str]:
    request = SearchRequest(q=q, filters=Filters(**filters))
    return [hit.id for hit in engine.search(request, audiences).hits]


@pytest.mark.parametrize(
    ("q", "first"),
    [
        ("978-7-5063-6543-7", "b1"),
        ("ISBN 7-5063-6543-X 有吗", "b1"),
        ("９７８７５６４３１１２９２", "b5"),
        ("GB/T 7714-2015", "s1"),
        ("gb/t7714—2015", "s1"),
        ("GBT 7714", "s1"),
        ("G258.22/12", "b5"),
        ("G258", "b5"),
        ("《活着》", "b1"),
        ("活着", "b1"),
        ("家", "b3"),
        ("《家》哪里有", "b3"),
        ("家庭园艺研究", "b4"),
        ("周末开放时间", "p1"),
        ("怎么办理借书证", "p2"),
        ("s-b5", "b5"),
        ("huozhe", "b1"),
        ("Huo zhe", "b1"),
        ("hz", "b1"),
        ("tushuguan lianmeng", "b5"),
        ("xu junlin", "b5"),
        ("余华 活着", "b1"),
        ("余华的《活着》", "b1"),
        ("巴金 家", "b3"),
        ("GB/T 7714 2015", "s1"),
        ("hsü chün-lin", "b5"),
    ],
)
def test_the_item_asked_for_comes_first(engine: SearchEngine, q: str, first: str) -> None:
    assert ids(engine, q)[0] == first


def test_a_name_says_who_and_not_what(engine: SearchEngine) -> None:
    hits = engine.search(SearchRequest(q="许军林"), PUBLIC).hits
    assert (hits[0].id, hits[0].why) == ("b5", "责任者匹配")
    assert engine.search(SearchRequest(q="余华 活着"), PUBLIC).hits[0].why == "题名和责任者匹配"


def test_a_hidden_item_is_as_if_it_did_not_exist(engine: SearchEngine) -> None:
    for q in ("石墨烯散热膜", "Q/ACME 001-2024", "e1", "s-e1"):
        page = engine.search(SearchRequest(q=q), PUBLIC)
        assert "e1" not in [hit.id for hit in page.hits]
        assert "secret" not in page.facets.model_dump_json()
        assert ids(engine, q, ACME)[0] == "e1"
    assert engine.item("e1", PUBLIC) is None
    assert engine.item("e1", ACME) is not None
    assert all(hit.item.id != "e1" for hit in engine.passages("石墨烯散热膜的导热系数", PUBLIC, limit=10))
    assert engine.passages("石墨烯散热膜的导热系数", ACME, limit=10)[0].item.id == "e1"


def test_filters_hold_for_every_hit_and_count(engine: SearchEngine) -> None:
    held = {"b1", "b2", "b5"}
    assert ids(engine, "活着", members=("college",))[:2] == ["b1", "b2"]
    assert set(ids(engine, "活着", members=("college",))) <= held
    assert ids(engine, "活着", members=("college",), available=True) == ["b2"]
    assert ids(engine, "活着", year_from=2000)[0] == "b2"
    assert "b1" not in ids(engine, "活着", year_from=2000)
    assert set(ids(engine, "图书馆研究", kinds=("policy",))) <= {"p1", "p2"}
    assert ids(engine, "活着", collections=("nowhere",)) == []


def test_facets_count_what_was_found(engine: SearchEngine) -> None:
    page = engine.search(SearchRequest(q="活着", filters=Filters(members=("college",))), PUBLIC)
    assert page.total == 2
    assert {(v.value, v.count) for v in page.facets.member} == {("college", 2), ("city", 1)}
    assert {(v.value, v.count) for v in page.facets.year} == {("1993", 1), ("2001", 1)}
    assert {(v.value, v.count) for v in page.facets.clc} == {("I", 1), ("K", 1)}


def test_own_member_stands_first_among_the_holdings(engine: SearchEngine) -> None:
    def members(own: str | None) -> list[str]:
        page = engine.search(SearchRequest(q="9787506365437"), PUBLIC, own_member=own)
        return [holding.member for holding in page.hits[0].holdings]

    assert members(None) == ["city", "college"]
    assert members("college") == ["college", "city"]


def test_highlights_are_offsets_into_the_snippet(engine: SearchEngine) -> None:
    hit = engine.search(SearchRequest(q="借书证押金"), PUBLIC).hits[0]
    marked = [hit.snippet[start:end] for start, end in hit.highlights]
    assert "借书证" in marked
    assert "押金" in marked


def test_reasons_are_given_in_words(engine: SearchEngine) -> None:
    assert engine.search(SearchRequest(q="活着"), PUBLIC).hits[0].why == "题名完全匹配"
    assert engine.search(SearchRequest(q="9787506365437"), PUBLIC).hits[0].why == "ISBN 匹配"


@pytest.mark.parametrize("q", ["", "  ", "？！", "\x00", "😀😀", '"" * ( )'])
def test_a_question_without_words_is_an_input_error(engine: SearchEngine, q: str) -> None:
    with pytest.raises(InputError):
        engine.search(SearchRequest(q=q), PUBLIC)


@pytest.mark.parametrize(
    "q",
    [
        "活着 AND (",
        'title:"活着" OR *',
        "活着~2 ^5 [a TO b]",
        "\x00活着\ud800",
        "活" * 100_000,
        "借 " * 3000,
        "[(*?:{}\\/活着",
    ],
)
def test_operators_and_rubbish_are_only_text(engine: SearchEngine, q: str) -> None:
    page = engine.search(SearchRequest(q=q), PUBLIC)
    assert page.total >= 0
    assert page.truncated == (len(q) > 2000)


def test_far_pages_are_empty_and_cheap(engine: SearchEngine) -> None:
    page = engine.search(SearchRequest(q="活着", page=10**9, size=100), PUBLIC)
    assert page.hits == ()
    assert page.total > 0


def test_pages_do_not_overlap(engine: SearchEngine) -> None:
    first = engine.search(SearchRequest(q="活着的历史研究", size=2), PUBLIC)
    second = engine.search(SearchRequest(q="活着的历史研究", size=2, page=2), PUBLIC)
    assert not {hit.id for hit in first.hits} & {hit.id for hit in second.hits}


def test_without_an_index_search_is_not_ready(store: SnapshotStore) -> None:
    with pytest.raises(NotReady):
        SearchEngine(store, FakeCatalogue(), HashingEmbedder()).search(SearchRequest(q="活着"), PUBLIC)


def test_an_index_of_another_model_is_refused(
    engine: SearchEngine, store: SnapshotStore, catalogue: FakeCatalogue
) -> None:
    other = SearchEngine(store, catalogue, HashingEmbedder(seed="b"))
    with pytest.raises(NotReady, match="另一个向量模型"):
        other.search(SearchRequest(q="活着"), PUBLIC)


def test_an_index_of_another_version_is_refused(store: SnapshotStore, catalogue: FakeCatalogue) -> None:
    class Other(Tokeniser):
        version = "0"

    build(catalogue, store, HashingEmbedder(), tokeniser=Other())
    with pytest.raises(NotReady, match="另一个版本"):
        SearchEngine(store, catalogue, HashingEmbedder()).search(SearchRequest(q="活着"), PUBLIC)
    assert build(catalogue, store, HashingEmbedder()).reason == "tokeniser changed"


def test_changes_are_found_after_a_build_without_restart(
    engine: SearchEngine, store: SnapshotStore, catalogue: FakeCatalogue
) -> None:
    catalogue.put(item("n1", "量子计算导论"))
    catalogue.withdraw("b1")
    build(catalogue, store, HashingEmbedder())
    engine.refresh()
    assert ids(engine, "量子计算导论")[0] == "n1"
    assert "b1" not in ids(engine, "活着")
    assert "b1" not in ids(engine, "9787506365437")


def test_passages_carry_what_an_answer_needs(engine: SearchEngine) -> None:
    hit = engine.passages("借书证押金多少钱", PUBLIC, limit=3, kinds=["policy"])[0]
    assert hit.item.id == "p2"
    assert hit.passage.text == hit.item.text[hit.passage.start : hit.passage.end]
    assert hit.bm25 > 0
    assert hit.z > 0
    assert 0.5 < hit.coverage <= 1


def test_editions_of_a_work_stand_together(
    engine: SearchEngine, store: SnapshotStore, catalogue: FakeCatalogue
) -> None:
    catalogue.put(item("b1b", "活着", creators=("余华",), year=2012, work="w1"))
    catalogue.put(item("b1c", "活着", creators=("余华",), year=2020, work="w1", audience="branch:ACME"))
    build(catalogue, store, HashingEmbedder())
    engine.refresh()
    page = engine.search(SearchRequest(q="活着", grouped=True), PUBLIC)
    assert [hit.id for hit in page.hits].count("b1") + [hit.id for hit in page.hits].count("b1b") == 1
    assert {page.hits[0].id, *(edition.id for edition in page.hits[0].editions)} == {"b1", "b1b"}
    stored = engine.item("b1", PUBLIC)
    assert stored is not None
    assert [edition.id for edition in engine.editions(stored, PUBLIC)] == ["b1b"]
    assert [edition.id for edition in engine.editions(stored, ACME)] == ["b1c", "b1b"]


def test_similar_items_are_other_visible_works(engine: SearchEngine) -> None:
    similar = [hit.id for hit in engine.similar("b1", PUBLIC)]
    assert "b1" not in similar
    assert "e1" not in similar
    assert similar[0] == "b2"
    assert engine.similar("e1", PUBLIC) == ()
    assert engine.similar("nothing", PUBLIC) == ()


@pytest.mark.parametrize(
    ("q", "suggestion"), [("地市级区域图书馆联萌建设研究", "地市级区域图书馆联盟建设研究"), ("或着", "活着")]
)
def test_misspelt_titles_are_suggested(engine: SearchEngine, q: str, suggestion: str) -> None:
    assert suggestion in engine.search(SearchRequest(q=q), PUBLIC).suggestions


def test_titles_of_the_same_sound_are_suggested_where_words_are_found(tmp_path: Path) -> None:
    many = [item(f"m{number}", f"红楼人物之{number}", f"红楼人物之{number}。") for number in range(5)]
    books = FakeCatalogue([item("a", "红楼梦", "红楼梦。"), *many])
    snapshots = SnapshotStore(tmp_path)
    build(books, snapshots, HashingEmbedder(64))
    engine = SearchEngine(snapshots, books, HashingEmbedder(64))
    page = engine.search(SearchRequest(q="红楼萌"), PUBLIC)
    assert page.total >= 5
    assert page.suggestions == ("红楼梦",)


@pytest.mark.parametrize("q", ["9787506365436", "978-7-5063-6543-6", "7506365437"])
def test_the_book_is_suggested_for_an_isbn_with_a_wrong_digit(tmp_path: Path, q: str) -> None:
    books = FakeCatalogue([item("a", "活着", "活着。", isbn="9787506365437"), item("b", "家", "家。")])
    snapshots = SnapshotStore(tmp_path)
    build(books, snapshots, HashingEmbedder(64))
    engine = SearchEngine(snapshots, books, HashingEmbedder(64))
    page = engine.search(SearchRequest(q=q), PUBLIC)
    assert (page.total, page.hits, page.suggestions) == (0, (), ("活着",))


@pytest.mark.parametrize(("q", "first"), [("GB/T 7714 有新版吗", "new"), ("GB/T 7714-2005 还有效吗", "old")])
def test_passages_of_a_standard_come_from_its_newest_edition_unless_its_year_is_named(
    tmp_path: Path, q: str, first: str
) -> None:
    editions = {"old": 2005, "middle": 2015, "new": 2025}
    entries = [
        item(
            key,
            f"GB/T 7714-{year}",
            f"GB/T 7714 有新版吗 {key}。",
            kind="standard",
            standard=f"GB/T 7714-{year}",
            year=year,
        )
        for key, year in editions.items()
    ]
    books, snapshots = FakeCatalogue(entries), SnapshotStore(tmp_path)
    build(books, snapshots, HashingEmbedder(64))
    found = SearchEngine(snapshots, books, HashingEmbedder(64)).passages(q, PUBLIC, limit=3)
    assert found[0].item.id == first


def test_hidden_titles_are_not_suggested(engine: SearchEngine) -> None:
    q = "石墨希散热膜技术要求"
    assert engine.search(SearchRequest(q=q), PUBLIC).suggestions == ()
    assert engine.search(SearchRequest(q=q), ACME).suggestions == ("石墨烯散热膜技术要求",)
