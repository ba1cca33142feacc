"""Damaged, oddly encoded and malicious inputs: what can be read is, what cannot is named, nothing breaks the run."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.sources.marc import read_iso2709_stream, read_marcxml_stream
from indexer.sources.opening import ReadingOptions, read_input
from indexer.sources.values import Noticed, Outcome, Read, Skipped, SourceError
from tests.indexer.factories import as_bytes, cnmarc_book, jsonl
from tests.shared_data import shared


def read(content: bytes) -> list[Outcome]:
    return list(read_iso2709_stream(io.BytesIO(content)))


def titles(outcomes: list[Outcome]) -> list[str]:
    return [outcome.thing.title for outcome in outcomes if isinstance(outcome, Read)]


@pytest.mark.parametrize(("codec", "told"), [("utf-8", "utf-8"), ("gb18030", "gb18030"), ("big5", "big5")])
def test_the_encoding_is_found_from_the_bytes(codec: str, told: str) -> None:
    title = "區域圖書館聯盟建設研究" if codec == "big5" else "地市级区域图书馆联盟建设研究"
    book = cnmarc_book(
        "B1",
        title,
        by="許軍林" if codec == "big5" else "许军林",
        publisher="大學出版社" if codec == "big5" else "大学出版社",
    )
    if codec == "big5":
        book["200"].subfields[1] = book["200"].subfields[1]._replace(value="許軍林編著")
        book["701"].subfields[1] = book["701"].subfields[1]._replace(value="編著")
    outcomes = read(as_bytes(book, codec))
    assert titles(outcomes) == [title]
    assert [one.encoding for one in outcomes if isinstance(one, Read)] == [told]


def test_a_destroyed_middle_costs_only_what_was_there() -> None:
    records = [as_bytes(cnmarc_book(f"B{n}", f"书{n}")) for n in range(9)]
    whole = b"".join(records)
    start, stop = len(b"".join(records[:3])) + 40, len(b"".join(records[:5])) + 60
    outcomes = read(whole[:start] + b"\x00" * (stop - start) + whole[stop:])
    found = titles(outcomes)
    assert found[:3] == ["书0", "书1", "书2"]
    assert found[-3:] == ["书6", "书7", "书8"]
    assert any("字节" in one.place for one in outcomes if isinstance(one, Skipped | Noticed))


def test_a_lost_terminator_does_not_swallow_the_next_record() -> None:
    first, second = as_bytes(cnmarc_book("B1", "甲书")), as_bytes(cnmarc_book("B2", "乙书"))
    assert titles(read(first[:-1] + second)) == ["甲书", "乙书"]


def test_garbage_before_a_record_is_remarked_and_the_record_is_read() -> None:
    outcomes = read(b"garbage\xff\xfe" + as_bytes(cnmarc_book("B1", "甲书")))
    assert titles(outcomes) == ["甲书"]
    assert [type(one) for one in outcomes] == [Noticed, Read]


def test_a_file_turned_from_gbk_to_utf8_with_its_old_directory_is_read_by_the_order_of_its_fields() -> None:
    turned = as_bytes(cnmarc_book("B1", "区域图书馆联盟"), "gb18030").decode("gb18030").encode()
    outcomes = read(turned)
    assert titles(outcomes) == ["区域图书馆联盟"]
    assert any(isinstance(one, Noticed) and "目录" in one.remark for one in outcomes)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), min_size=1, max_size=12), st.integers(0, 2_000))
def test_no_flipped_byte_and_no_cut_breaks_the_run(flips: list[tuple[int, int]], cut: int) -> None:
    whole = bytearray(b"".join(as_bytes(cnmarc_book(f"B{n}", f"书{n}")) for n in range(4)))
    for place, byte in flips:
        whole[place % len(whole)] = byte
    for outcome in read(bytes(whole[: len(whole) - cut % len(whole)])):
        assert isinstance(outcome, Read | Skipped | Noticed)


def test_one_malformed_xml_record_costs_only_itself() -> None:
    def record(title: str) -> str:
        inner = f"<datafield tag='245' ind1=' ' ind2=' '><subfield code='a'>{title}</subfield></datafield>"
        return f"<record><leader>00000nam a2200000 i 4500</leader>{inner}</record>"

    xml = f"<collection>{record('一')}{record('二 & <')}{record('三')}</collection>".encode()
    outcomes = list(read_marcxml_stream(io.BytesIO(xml), name="x.xml"))
    assert titles(outcomes) == ["一", "三"]
    assert sum(isinstance(one, Skipped) for one in outcomes) == 1


def test_entities_of_an_xml_file_are_not_expanded(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("SECRET")
    xml = (
        f"<?xml version='1.0'?><!DOCTYPE c [<!ENTITY a 'lol'><!ENTITY b '{'&a;' * 50}'><!ENTITY f SYSTEM 'file://{tmp_path}/secret'>]>"
        "<collection><record><leader>00000nam a2200000 i 4500</leader><datafield tag='245' ind1=' ' ind2=' '>"
        "<subfield code='a'>题名&b;&f;</subfield></datafield></record></collection>"
    )
    found = "".join(titles(list(read_marcxml_stream(io.BytesIO(xml.encode()), name="x.xml"))))
    assert "SECRET" not in found
    assert "lollol" not in found


def test_a_zip_gives_its_good_members_and_refuses_paths_outside_and_bombs(tmp_path: Path) -> None:
    archive = tmp_path / "a.zip"
    good = jsonl(tmp_path / "good.jsonl", {"id": "1", "title": "好", "text": "正文"}).read_bytes()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("../../escape.jsonl", good)
        packed.writestr("bomb.txt", b"0" * (70 * 1024 * 1024))
        packed.writestr("in/good.jsonl", good)
    outcomes = [outcome for _, outcome in read_input(str(archive), ReadingOptions())]
    assert titles(outcomes) == ["好"]
    assert [one.place for one in outcomes if isinstance(one, Skipped)] == ["../../escape.jsonl", "bomb.txt"]
    assert not (tmp_path.parent / "escape.jsonl").exists()


@pytest.mark.shared
def test_every_hostile_file_is_read_or_named() -> None:
    """Reads as many as the parser alone, and at least 80 of 86 files give a record."""
    root = shared("hostile_marc")
    gave = 0
    files = [path for path in sorted(root.rglob("*")) if path.is_file() and path.name != "MANIFEST.csv"]
    for path in files:
        try:
            outcomes = [outcome for _, outcome in read_input(str(path), ReadingOptions())]
        except SourceError:
            continue
        assert outcomes, path.name
        gave += any(isinstance(one, Read) for one in outcomes)
    assert gave >= len(files) - 7
