"""The same bytes are not read again, and nothing is taken for the same that is not."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from indexer.decisions import split
from indexer.sources import iso2709
from indexer.sources.holding_rules import load_rules
from indexer.sources.marc import read_iso2709_stream
from indexer.sources.values import Read, Unchanged
from tests.indexer.factories import as_bytes, catalogue, cnmarc_book, load
from tests.indexer.factories import iso2709 as written


def books_file(folder: Path, *titles: str, ids: tuple[str, ...] = ()) -> Path:
    names = ids or tuple(f"B{number}" for number in range(len(titles)))
    return written(folder / "a.mrc", *(cnmarc_book(name, title) for name, title in zip(names, titles, strict=True)))


def test_unchanged_bytes_are_not_parsed_and_still_count_as_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    books = catalogue(tmp_path)
    load(books, books_file(tmp_path, "甲", "乙", "丙"), complete=True)
    parsed: list[int] = []
    original = iso2709.layout
    monkeypatch.setattr(iso2709, "layout", lambda content: parsed.append(1) or original(content))
    report = load(books, books_file(tmp_path, "甲", "乙改", "丙"), complete=True)
    assert (report.read, report.unchanged, report.changed, report.withdrawn) == (3, 2, 1, 0)
    assert len(parsed) == 1


def test_other_rules_or_another_member_read_the_same_bytes_anew(tmp_path: Path) -> None:
    books = catalogue(tmp_path)
    held = [[("a", "鼓楼"), ("d", "I2")]]
    file = written(tmp_path / "a.mrc", cnmarc_book("B1", "甲", held=held))
    load(books, file)
    (tmp_path / "holdings.toml").write_text('[members]\n"鼓楼" = "NORTH"\n', encoding="utf-8")
    report = load(books, file, rules=load_rules(tmp_path / "holdings.toml"))
    assert (report.changed, report.unchanged) == (1, 0)
    item = books.by_source_id("books", "B1")
    assert item is not None
    assert [one.member for one in item.holdings] == ["NORTH"]
    assert load(books, file, member="CITY").added == 1


def test_of_an_id_that_occurs_twice_the_last_one_counts_in_every_load(tmp_path: Path) -> None:
    books = catalogue(tmp_path)
    file = books_file(tmp_path, "先", "后", ids=("B1", "B1"))
    for _ in range(3):
        load(books, file)
        item = books.by_source_id("books", "B1")
        assert item is not None
        assert item.title == "后"


def test_a_record_split_off_stays_so_when_its_bytes_come_again(tmp_path: Path) -> None:
    books = catalogue(tmp_path)
    file = books_file(tmp_path, "红楼梦", "红楼梦")
    load(books, file)
    (into,) = books.collections()
    split(books, into, ("", "B1"), reason="影印本", staff="desk", now=1.0)
    assert load(books, file).unchanged == 2
    assert len(books.ids()) == 2


def test_titles_with_holdings_records_of_their_own_are_read_every_time() -> None:
    title = as_bytes(cnmarc_book("B1", "甲"))
    holding = b"00070cx  a22000377  4500852001800000\x1e8 \x1faCITY\x1fhI2/5\x1fp1\x1e\x1d"
    outcomes = list(read_iso2709_stream(io.BytesIO(title + holding), None, lambda digests: set(digests)))
    assert [type(one) for one in outcomes if isinstance(one, Read | Unchanged)] == [Read]
