"""Loads: what is counted, what is found afterwards, what a second load does."""

from __future__ import annotations

import json
import os
import socket
import time
from pathlib import Path

import pytest

from indexer.catalogue import SourceBusyError
from indexer.records import IndexItem, Withdrawn
from indexer.sources.values import SourceError
from tests.indexer.factories import catalogue, cnmarc_book, iso2709, jsonl, load

HOLD = [("a", "总馆"), ("b", "0010201"), ("d", "G258.22"), ("e", "39")]


def test_a_cnmarc_book_becomes_an_item_with_its_holding(tmp_path: Path) -> None:
    books = catalogue(tmp_path)
    book = cnmarc_book("B1", "地市级区域图书馆联盟建设研究", held=[HOLD])
    report = load(books, iso2709(tmp_path / "a.mrc", book), member="CITY")
    assert (report.read, report.added, report.skipped_count) == (1, 1, 0)
    item = books.by_source_id("books", "B1")
    assert item is not None
    assert item.title == "地市级区域图书馆联盟建设研究"
    assert (item.publisher, item.year, item.creators) == ("西南交通大学出版社", 2011, ("许军林",))
    assert [(one.scheme, one.value) for one in item.identifiers] == [("isbn", "9787564311292")]
    assert [(h.member, h.call_number, h.barcode) for h in item.holdings] == [("CITY", "G258.22/39", "0010201")]
    for passage in books.passages(item.id):
        assert item.text[passage.start : passage.end] == passage.text


def test_the_same_file_again_changes_nothing(tmp_path: Path) -> None:
    books = catalogue(tmp_path)
    file = iso2709(tmp_path / "a.mrc", cnmarc_book("B1", "甲"), cnmarc_book("B2", "乙"))
    load(books, file)
    before = books.head_revision()
    report = load(books, file)
    assert (report.added, report.changed, report.unchanged) == (0, 0, 2)
    assert books.head_revision() == before


def test_a_corrected_title_keeps_the_item_and_takes_a_new_revision(tmp_path: Path) -> None:
    books = catalogue(tmp_path)
    load(books, iso2709(tmp_path / "a.mrc", cnmarc_book("B1", "图书馆联盟研突")))
    before, head = books.ids(), books.head_revision()
    report = load(books, iso2709(tmp_path / "a.mrc", cnmarc_book("B1", "图书馆联盟研究")))
    assert (report.changed, books.ids()) == (1, before)
    (change,) = books.changes(head)
    assert isinstance(change, IndexItem)
    assert change.item.title == "图书馆联盟研究"


def test_one_manifestation_of_two_members_is_one_item_with_both_holdings_and_a_reason(tmp_path: Path) -> None:
    books = catalogue(tmp_path)
    load(books, iso2709(tmp_path / "a.mrc", cnmarc_book("A1", "紅樓夢", held=[HOLD])), member="CITY")
    report = load(books, iso2709(tmp_path / "b.mrc", cnmarc_book("X9", "红楼梦", held=[HOLD])), member="COLLEGE")
    assert (report.added, report.merged) == (1, 1)
    (only,) = books.ids()
    item = books.item(only)
    assert item is not None
    assert {holding.member for holding in item.holdings} == {"CITY", "COLLEGE"}
    assert books.by_source_id("books", "A1") == books.by_source_id("books", "X9")


def test_volumes_under_one_set_isbn_stay_apart(tmp_path: Path) -> None:
    books = catalogue(tmp_path)
    first = cnmarc_book("V1", "中国通史", more=[("200", [("a", "中国通史"), ("h", "第1卷")])])
    second = cnmarc_book("V2", "中国通史")
    for record, part in ((first, "第1卷"), (second, "第2卷")):
        record.remove_fields("200")
        record.add_field(cnmarc_book("x", "x").get_fields("200")[0])
        record["200"].subfields[0] = record["200"].subfields[0]._replace(value="中国通史")
        record["200"].add_subfield("h", part)
    load(books, iso2709(tmp_path / "a.mrc", first, second))
    assert len(books.ids()) == 2


def test_what_a_complete_load_no_longer_has_is_withdrawn(tmp_path: Path) -> None:
    books = catalogue(tmp_path)
    load(books, iso2709(tmp_path / "a.mrc", cnmarc_book("B1", "甲"), cnmarc_book("B2", "乙")), complete=True)
    head = books.head_revision()
    report = load(books, iso2709(tmp_path / "a.mrc", cnmarc_book("B1", "甲")), complete=True)
    assert (report.unchanged, report.withdrawn) == (1, 1)
    assert books.by_source_id("books", "B2") is None
    (change,) = books.changes(head)
    assert isinstance(change, Withdrawn)


def test_a_complete_load_of_a_truncated_file_withdraws_nothing_and_says_why(tmp_path: Path) -> None:
    books = catalogue(tmp_path)
    file = iso2709(tmp_path / "a.mrc", *(cnmarc_book(f"B{n}", f"书{n}") for n in range(4)))
    load(books, file, complete=True)
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2 + 20])
    report = load(books, file, complete=True)
    assert report.withdrawn == 0
    assert report.withdrawal_withheld
    assert len(books.ids()) == 4


def test_wrong_lines_are_named_and_the_others_load(tmp_path: Path) -> None:
    books = catalogue(tmp_path)
    file = jsonl(
        tmp_path / "faq.jsonl",
        {"id": "q1", "title": "图书馆几点开门？", "text": "周一至周五 8:30 至 21:00。", "kind": "faq"},
        "{not json",
        {"id": "q2", "title": "缺正文"},
        {"title": "没有编号", "text": "x"},
        '["a"]',
        "",
        {"id": 7, "title": "数字编号", "text": "可以\ud800", "metadata": {"a": 1}},
        {"id": "q8", "title": "t", "text": "x", "kind": "novel"},
    )
    report = load(books, file, collection="faq", kind="faq")
    assert (report.read, report.added, report.skipped_count) == (7, 2, 5)
    assert [one.place for one in report.skipped] == ["第 2 行", "第 3 行", "第 4 行", "第 5 行", "第 8 行"]
    item = books.by_source_id("faq", "q1")
    assert item is not None
    assert (item.title, item.text, item.kind) == ("图书馆几点开门？", "周一至周五 8:30 至 21:00。", "faq")
    assert books.by_source_id("faq", "7") is not None
    told = report.to_dict()
    assert json.loads(json.dumps(told))["skipped"] == 5
    assert books.runs()[0]["report"]["added"] == 2


def test_a_second_run_on_a_source_is_refused_and_a_dead_one_is_not_waited_for(tmp_path: Path) -> None:
    books = catalogue(tmp_path)
    file = jsonl(tmp_path / "a.jsonl", {"id": "1", "title": "t", "text": "x"})
    alive = f"{socket.gethostname()[:24]}:{os.getpid()}:x"
    books.lock("books/", alive, now=time.time(), seconds=60)
    with pytest.raises(SourceBusyError):
        load(books, file)
    assert books.ids() == []
    books.unlock("books/", alive)
    books.lock("books/", f"{socket.gethostname()[:24]}:{2**22 + 17}:x", now=time.time(), seconds=60)
    assert load(books, file).added == 1


def test_a_missing_file_is_an_error_and_one_of_several_is_a_reported_skip(tmp_path: Path) -> None:
    books = catalogue(tmp_path)
    with pytest.raises(SourceError):
        load(books, tmp_path / "absent.mrc")
    good = jsonl(tmp_path / "a.jsonl", {"id": "1", "title": "t", "text": "x"})
    report = load(books, good, tmp_path / "absent.mrc")
    assert (report.added, report.skipped_count) == (1, 1)
