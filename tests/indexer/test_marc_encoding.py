"""The encoding of a record is told by what its bytes spell; the report says which and why."""

from __future__ import annotations

import io

import pymarc
import pytest

from indexer.records import Record
from indexer.sources.marc import read_iso2709_stream
from indexer.sources.values import Read
from tests.indexer.factories import as_bytes, cnmarc_book, marc


def read(content: bytes) -> list[tuple[str, str, str]]:
    found = []
    for outcome in read_iso2709_stream(io.BytesIO(content)):
        if not isinstance(outcome, Read):
            continue
        assert isinstance(outcome.thing, Record)
        found.append((outcome.thing.title, outcome.encoding, outcome.note))
    return found


def plain(title: str, *, publisher: str = "") -> pymarc.Record:
    return marc(("001", "1"), ("245", [("a", title)]), ("260", [("b", publisher)]))


@pytest.mark.parametrize(
    ("title", "codec", "told"),
    [
        ("区域图书馆联盟建设研究", "utf-8", "utf-8"),
        ("区域图书馆联盟建设研究", "gb18030", "gb18030"),
        ("區域圖書館聯盟建設研究", "big5", "big5"),
        ("紅樓夢後四十回研究", "gb18030", "gb18030"),
        ("C语言程序设计（第2版）", "gb18030", "gb18030"),
        ("Основы гидравлического расчета инженерных сетей", "cp1251", "windows-1251"),
        ("Никитенко. Самоходные комбайны в рисовом поле", "cp866", "cp866"),
        ("История русской литературы и искусства", "koi8-r", "koi8-r"),
        ("Größere Häuser für schöne Bücher", "latin-1", "windows-1252"),
        ("L'été à la campagne française", "latin-1", "windows-1252"),
    ],
)
def test_a_title_is_read_in_the_encoding_it_was_written_in(title: str, codec: str, told: str) -> None:
    (found,) = read(as_bytes(plain(title), codec))
    assert found[:2] == (title, told)
    assert found[2]


def test_marc8_and_iso5426_put_the_accent_before_the_letter() -> None:
    ansel = as_bytes(plain("M@elanges litt@eraires"), "ascii").replace(b"@", b"\xe2")
    assert read(ansel)[0][:2] == ("Mélanges littéraires", "marc-8")
    older = as_bytes(plain("M@elanges litt@eraires"), "ascii").replace(b"@", b"\xc2")
    assert read(older)[0][:2] == ("Mélanges littéraires", "iso5426")


def test_east_asian_marc8_is_read_and_a_cut_character_costs_only_itself() -> None:
    # EACC 213034 30456D: 中国 needs ESC $ 1 … ESC ( B
    title = as_bytes(plain("@@@"), "ascii").replace(b"@@@", b"\x1b$1!0P!4M\x1b(B")
    found = read(title)
    assert found[0][1] == "marc-8"
    assert len(found[0][0]) == 2
    cut = as_bytes(plain("@@@"), "ascii").replace(b"@@@", b"\x1b$1!0P!4")
    assert read(cut)[0][0].startswith(found[0][0][0])


def test_the_leaders_claim_is_no_proof() -> None:
    record = as_bytes(cnmarc_book("B1", "中国通史"), "gb18030")
    claimed = record[:9] + b"a" + record[10:]
    ((title, encoding, why),) = read(claimed)
    assert (title, encoding) == ("中国通史", "gb18030")
    assert "误称" in why


def test_a_file_may_change_its_encoding_from_record_to_record() -> None:
    content = b"".join(
        as_bytes(cnmarc_book(f"B{n}", "中国通史"), codec) for n, codec in enumerate(("utf-8", "gb18030", "utf-8"))
    )
    assert [encoding for _, encoding, _ in read(content)] == ["utf-8", "gb18030", "utf-8"]


def test_utf8_fields_in_a_gbk_record_are_read_as_such() -> None:
    abstract = "本书论述区域图书馆联盟。"
    record = as_bytes(cnmarc_book("B1", "图书馆联盟建设", more=[("330", [("a", "@@@")])]), "gb18030")
    outcomes = read_iso2709_stream(io.BytesIO(record.replace(b"@@@", abstract.encode())))
    (found,) = [outcome for outcome in outcomes if isinstance(outcome, Read)]
    assert isinstance(found.thing, Record)
    assert (found.thing.title, found.thing.abstract, found.encoding) == ("图书馆联盟建设", abstract, "gb18030")
    assert "混用" in found.note


def test_utf8_that_was_encoded_twice_is_restored() -> None:
    ((title, encoding, why),) = read(as_bytes(plain("Café et thé à Orléans".encode().decode("latin-1"))))
    assert (title, encoding) == ("Café et thé à Orléans", "utf-8-twice")
    assert "还原" in why


def test_character_references_are_read_as_their_characters() -> None:
    assert read(as_bytes(plain("&#x4E2D;&#22269;通史")))[0][0] == "中国通史"
