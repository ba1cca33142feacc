"""The demo's data files are what they promise, and what is made of them is always the same."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from backend.demo.build import DATA, SOURCES
from backend.demo.consortium import LIBRARIES
from backend.demo.holdings import holders, with_holdings
from indexer.normalise import isbn13, standard_number
from indexer.records import Document, Record
from indexer.sources.marc import read_iso2709
from indexer.sources.values import Read


def rows(file: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in (DATA / file).read_text(encoding="utf-8").splitlines()]


def local_books() -> list[Record]:
    outcomes = list(read_iso2709(DATA / "local_books.mrc"))
    assert all(isinstance(outcome, Read) for outcome in outcomes)
    return [outcome.thing for outcome in outcomes if isinstance(outcome, Read) and isinstance(outcome.thing, Record)]


def test_every_source_lies_in_the_package() -> None:
    assert all((DATA / source.file).is_file() for source in SOURCES)
    assert sum((DATA / source.file).stat().st_size for source in SOURCES) < 3_000_000


def test_the_named_book_is_exactly_as_it_was_printed() -> None:
    book = next(book for book in local_books() if book.title == "地市级区域图书馆联盟建设研究")
    assert book.responsibility == "许军林编著"
    assert (book.place, book.publisher, book.date) == ("成都", "西南交通大学出版社", "2011.6")
    assert [i.value for i in book.identifiers if i.scheme == "isbn"] == ["9787564311292"]
    assert [c.number for c in book.classifications] == ["G258.22"]
    assert book.price == "CNY25.00"
    assert {holding.member for holding in book.holdings} == {"SLCITY", "SLNORM"}


def test_every_isbn_given_is_right_and_every_holding_names_a_library() -> None:
    for book in local_books():
        assert book.holdings
        assert {holding.member for holding in book.holdings} <= set(LIBRARIES)
        assert all(isbn13(i.display or i.value) for i in book.identifiers if i.scheme == "isbn")


@pytest.mark.parametrize("file", [source.file for source in SOURCES if source.file.endswith(".jsonl")])
def test_rows_have_an_id_of_their_own_a_title_and_a_text(file: str) -> None:
    entries = rows(file)
    assert len({entry["id"] for entry in entries}) == len(entries)
    assert all(entry["title"] and entry["text"] for entry in entries)


def test_each_library_has_its_own_rules_and_names_itself() -> None:
    entries = rows("policies.jsonl")
    assert len(entries) >= 60
    by_member = Counter(entry["metadata"].get("member") for entry in entries)  # type: ignore[attr-defined]
    assert set(by_member) - {None} == set(LIBRARIES)
    hours = {}
    for entry in entries:
        metadata = entry["metadata"]
        assert isinstance(metadata, dict)
        if metadata.get("member") and entry["language"] == "zh":
            assert str(entry["title"]).startswith(metadata["library"])
        if metadata["topic"] == "opening" and entry["kind"] == "policy":
            hours[metadata.get("member")] = entry["text"]
    assert len(set(hours.values())) == len(LIBRARIES) + 1  # and the enterprise branch


def test_replacements_of_standards_agree_in_both_directions() -> None:
    entries = {e["metadata"]["standard_number"]: e for f in ("standards.jsonl", "ent-standards.jsonl") for e in rows(f)}  # type: ignore[index]
    for number, entry in entries.items():
        assert standard_number(str(number)) == number
        metadata = entry["metadata"]
        assert isinstance(metadata, dict)
        for newer in metadata["replaced_by"]:
            assert number in entries[newer]["metadata"]["replaces"]  # type: ignore[index]
        for older in metadata["replaces"]:
            if older in entries:
                assert number in entries[older]["metadata"]["replaced_by"]  # type: ignore[index]


@pytest.mark.parametrize("file", ["news.jsonl", "research.jsonl", "ent-news.jsonl", "ent-research.jsonl"])
def test_what_was_written_for_the_demo_says_so(file: str) -> None:
    for entry in rows(file):
        assert str(entry["title"]).startswith("（示例）")
        assert entry["metadata"]["demo"] is True  # type: ignore[index]


def test_holdings_spread_over_the_libraries_and_never_change() -> None:
    ids = [f"record-{number}" for number in range(2_000)]
    assert [holders(one) for one in ids] == [holders(one) for one in ids]
    counts = Counter(len(holders(one)) for one in ids)
    assert counts[1] > counts[2] > counts[3] > counts[4] > counts[5] > 0
    assert {member for one in ids for member in holders(one)} == set(LIBRARIES)
    made = [with_holdings(Record(source_id=one, title="甲")) for one in ids]
    states = Counter(h.status for thing in made if isinstance(thing, Record) for h in thing.holdings)
    assert states["available"] > states["on_loan"] > states["reference"] > 0
    for thing in made:
        assert isinstance(thing, Record)
        assert all(h.loanable == (h.status in ("available", "on_loan")) for h in thing.holdings)


def test_documents_have_no_holdings() -> None:
    document = Document(source_id="d", kind="news", title="甲", text="乙")
    assert with_holdings(document) is document


def test_the_data_names_no_file_of_a_machine() -> None:
    for source in SOURCES:
        if source.file.endswith(".jsonl"):
            assert f"{Path(__file__).parents[3]}/" not in Path(DATA / source.file).read_text(encoding="utf-8")
