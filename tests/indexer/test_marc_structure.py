"""Damaged MARC, case by case and at random: what is whole is read, what is lost is named with its place."""

from __future__ import annotations

import io
import resource
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.sources.marc import read_iso2709_stream, read_marcxml_stream
from indexer.sources.marc_lines import looks_like_lines, read_lines_stream
from indexer.sources.values import Deleted, Noticed, Outcome, Read, Skipped
from tests.indexer.factories import as_bytes, as_xml, cnmarc_book, marc

BOOKS = [as_bytes(cnmarc_book(f"B{n}", f"图书馆学研究{n}", isbn="")) for n in range(6)]
GBK = [as_bytes(cnmarc_book(f"B{n}", f"图书馆学研究{n}", isbn=""), "gb18030") for n in range(6)]
TITLES = [f"图书馆学研究{n}" for n in range(6)]
ONE = BOOKS[0]


def read(content: bytes) -> list[Outcome]:
    return list(read_iso2709_stream(io.BytesIO(content)))


def titles(outcomes: list[Outcome]) -> list[str]:
    return [one.thing.title for one in outcomes if isinstance(one, Read)]


def leader(record: bytes, start: int, value: bytes) -> bytes:
    return record[:start] + value + record[start + len(value) :]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (leader(ONE, 0, b"00017"), "记录长度"),
        (leader(ONE, 0, b"99999"), "记录长度"),
        (leader(ONE, 12, b"99999"), "数据基地址"),
        (leader(ONE, 12, b"0x1f7"), "数据基地址"),
        (leader(leader(ONE, 0, b"     "), 12, b"     "), "记录长度和数据基地址"),
        (leader(ONE, 36 + 3, b"9999"), "目录"),
        (leader(ONE, 36, b"20-"), "目录"),
        (ONE[:24] + ONE[25:], "目录"),
        (ONE[:-1], "结束符"),
        (b"\x00\x00junk" + ONE, "4 字节"),
    ],
)
def test_wrong_numbers_are_put_right_and_said(content: bytes, told: str) -> None:
    outcomes = read(content)
    assert titles(outcomes) == [TITLES[0]]
    assert [told in one.remark for one in outcomes if isinstance(one, Noticed)] == [True]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"00026     2200025   4500\x1e\x1d", "只有头标"),
        (b"00025     2200025   4500\x1d", "只有头标"),
        (b"no record at all\x1d", "找不到记录头标"),
        (ONE[:120], "中间结束"),
        (as_bytes(marc(("001", "1"), ("650", [("a", "x")]))), "没有题名"),
        (as_bytes(marc(("001", "1"), ("100", [("a", "Zhang San")]), leader="00000nz  a2200000n  4500")), "规范记录"),
    ],
)
def test_what_holds_no_title_is_named_with_its_place(content: bytes, reason: str) -> None:
    outcomes = read(BOOKS[1] + content)
    assert titles(outcomes) == [TITLES[1]]
    ((skipped),) = [one for one in outcomes if isinstance(one, Skipped)]
    assert reason in skipped.reason
    assert skipped.place == f"记录 2（字节 {len(BOOKS[1])}）"


@pytest.mark.parametrize("between", [b"", b"\n", b"\r\n", b"\x00\x00", b"\x1a", b"\xef\xbb\xbf", b"\x1d"])
def test_what_stands_between_records_costs_none(between: bytes) -> None:
    outcomes = read(between + between.join(BOOKS) + between)
    assert titles(outcomes) == TITLES
    assert not [one for one in outcomes if isinstance(one, Skipped)]


def test_a_record_longer_than_its_length_field_can_say_is_read_whole() -> None:
    notes = [("300", [("a", f"{number}" + "长" * 2_000)]) for number in range(60)]
    long = as_bytes(cnmarc_book("L1", "长记录", more=notes))
    assert len(long) > 300_000
    outcomes = read(BOOKS[0] + long + BOOKS[1])
    assert titles(outcomes) == [TITLES[0], "长记录", TITLES[1]]
    assert [len(one.thing.notes) for one in outcomes if isinstance(one, Read)] == [0, 60, 0]


def test_fields_without_indicators_or_subfields_and_control_fields_with_them_are_read() -> None:
    odd = marc(("001", "X1"), ("245", [("a", "@@")]), ("300", [("a", "##")]))
    content = as_bytes(odd).replace(b"  \x1fa@@", b"\x1fa@@").replace(b"  \x1fa##", b"##").replace(b"X1", b"\x1faX1")
    ((found),) = [one for one in read(content) if isinstance(one, Read)]
    assert (found.thing.title, found.thing.source_id) == ("@@", "X1")


def test_a_deleted_record_is_a_deletion() -> None:
    gone = as_bytes(marc(("001", "X1"), ("245", [("a", "x")]), leader="00000dam a2200000 i 4500"))
    assert [type(one) for one in read(gone)] == [Deleted]


def test_holdings_records_join_the_title_before_them() -> None:
    title = as_bytes(marc(("001", "T1"), ("245", [("a", "Title")])))
    own = marc(("001", "H1"), ("004", "T1"), ("852", [("a", "CITY"), ("p", "1")]), leader="00000nx  a2200000un 4500")
    stray = marc(("001", "H2"), ("004", "T9"), ("852", [("a", "CITY"), ("p", "2")]), leader="00000nx  a2200000un 4500")
    outcomes = read(title + as_bytes(own) + as_bytes(stray))
    ((found),) = [one for one in outcomes if isinstance(one, Read)]
    assert [one.barcode for one in found.thing.holdings] == ["1"]
    assert ["T9" in one.reason for one in outcomes if isinstance(one, Skipped)] == [True]


@settings(max_examples=40, deadline=None)
@given(data=st.data(), encoding=st.sampled_from(["utf-8", "gb18030"]))
def test_bytes_flipped_in_one_record_cost_no_other(data: st.DataObject, encoding: str) -> None:
    records = list(BOOKS if encoding == "utf-8" else GBK)
    hit = data.draw(st.integers(0, 5))
    damaged = bytearray(records[hit])
    for place in data.draw(st.lists(st.integers(0, len(damaged) - 2), min_size=1, max_size=20)):
        damaged[place] = data.draw(st.integers(0, 255).filter(lambda byte: byte != 0x1D))
    records[hit] = bytes(damaged)
    found = titles(read(b"".join(records)))
    assert [title for title in TITLES if title != TITLES[hit] and title not in found] == []


@settings(max_examples=40, deadline=None)
@given(cut=st.integers(1, sum(len(one) for one in BOOKS) - 1))
def test_a_cut_file_yields_every_record_before_the_cut(cut: int) -> None:
    outcomes = read(b"".join(BOOKS)[:cut])
    whole, length = 0, 0
    for record in BOOKS:
        length += len(record)
        whole += length <= cut
    assert titles(outcomes)[:whole] == TITLES[:whole]
    left = cut - sum(len(one) for one in BOOKS[:whole])
    named = [one for one in outcomes if isinstance(one, Skipped | Noticed)]
    assert bool(named) == (left > 0) or titles(outcomes) == TITLES[: whole + 1]


@settings(max_examples=40, deadline=None)
@given(middle=st.binary(min_size=1, max_size=3_000))
def test_anything_in_the_middle_of_a_file_costs_nothing_before_or_after_it(middle: bytes) -> None:
    found = titles(read(b"".join(BOOKS[:3]) + middle + b"\x1d" + b"".join(BOOKS[3:])))
    assert [title for title in TITLES if title not in found] == []


class Endless(io.RawIOBase):
    """Good records around gigabytes of zeros that were never written anywhere."""

    def __init__(self, before: bytes, zeros: int, after: bytes) -> None:
        self._parts: Iterator[bytes] = self._make(before, zeros, after)

    @staticmethod
    def _make(before: bytes, zeros: int, after: bytes) -> Iterator[bytes]:
        yield before
        block = b"0" * (1 << 20)
        for _ in range(zeros >> 20):
            yield block
        yield after

    def read(self, size: int = -1) -> bytes:
        return next(self._parts, b"")


def test_two_gigabytes_without_a_terminator_take_no_memory_and_no_record() -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    outcomes = list(read_iso2709_stream(Endless(BOOKS[0], 2 << 30, BOOKS[1])))  # type: ignore[arg-type]
    assert titles(outcomes) == TITLES[:2]
    assert any("字节" in one.remark for one in outcomes if isinstance(one, Noticed))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 128 * 1024


def xml_titles(content: bytes) -> list[str]:
    return titles(list(read_marcxml_stream(io.BytesIO(content), name="x.xml")))


def bare(record: bytes) -> bytes:
    return record.split(b'slim">')[1].removesuffix(b"</collection>")


XML = [bare(as_xml(cnmarc_book(f"B{n}", title))) for n, title in enumerate(TITLES)]


@pytest.mark.parametrize(
    "whole",
    [
        b"<collection>%s</collection>",
        b'<?xml version="1.0"?><!-- a remark --><collection xmlns="urn:any">%s</collection>',
        b'<OAI-PMH xmlns="urn:oai"><ListRecords><record><metadata>%s</metadata></record></ListRecords></OAI-PMH>',
        b'<sru:Response xmlns:sru="urn:srw"><record><recordData>%s</recordData></record></sru:Response>',
    ],
)
def test_marcxml_is_found_in_every_wrapping(whole: bytes) -> None:
    assert xml_titles(whole % b"".join(XML)) == TITLES
    prefixed = b"".join(XML).replace(b"</", b"</marc:").replace(b"<", b"<marc:").replace(b"<marc:/marc:", b"</marc:")
    assert xml_titles(b'<r xmlns:marc="http://www.loc.gov/MARC21/slim">%s</r>' % prefixed) == TITLES


def test_packed_and_turbo_records_are_read() -> None:
    packed = XML[0].replace(b"<", b"&lt;")
    assert (
        xml_titles(b"<searchRetrieveResponse><recordData>%s</recordData></searchRetrieveResponse>" % packed)
        == TITLES[:1]
    )
    turbo = b"<collection><r><l>00000nam a2200000</l><c001>1</c001><d245 i1='0'><sa>Title</sa></d245></r></collection>"
    assert xml_titles(turbo) == ["Title"]


@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_bytes_flipped_in_one_xml_record_cost_no_other(data: st.DataObject) -> None:
    records = list(XML)
    hit = data.draw(st.integers(0, 5))
    damaged = bytearray(records[hit])
    low, high = len(b"<record>"), len(damaged) - len(b"</record>") - 1
    for place in data.draw(st.lists(st.integers(low, high), min_size=1, max_size=10)):
        damaged[place] = data.draw(st.integers(0, 255).filter(lambda byte: byte not in b"<>/!"))
    records[hit] = bytes(damaged)
    found = xml_titles(b"<collection>%s</collection>" % b"".join(records))
    assert [title for title in TITLES if title != TITLES[hit] and title not in found] == []


def test_an_xml_file_in_a_wrongly_declared_encoding_is_read_by_its_bytes() -> None:
    content = b'<?xml version="1.0" encoding="UTF-8"?><collection>%s</collection>' % b"".join(XML)
    turned = content.decode().encode("gb18030")
    outcomes = list(read_marcxml_stream(io.BytesIO(turned), name="x.xml"))
    assert titles(outcomes) == TITLES
    assert {one.encoding for one in outcomes if isinstance(one, Read)} == {"gb18030"}


@pytest.mark.parametrize(
    "bomb",
    [
        b"<!DOCTYPE c [<!ENTITY e0 'ha'>%s]>"
        % b"".join(b"<!ENTITY e%d '%s'>" % (n, b"&e%d;" % (n - 1) * 10) for n in range(1, 30)),
        b"<!DOCTYPE c [<!ENTITY e29 '" + b"A" * 200_000 + b"'>]>",
        b"<!DOCTYPE c [<!ENTITY % p SYSTEM 'file:///etc/passwd'> %p; <!ENTITY e29 SYSTEM 'file:///etc/passwd'>]>",
    ],
)  # fmt: skip
def test_entity_bombs_are_not_expanded_and_the_record_beside_them_is_read(bomb: bytes) -> None:
    armed = XML[0].replace("研究0".encode(), b"&e29;" * 1_000)
    found = xml_titles(b"<?xml version='1.0'?>" + bomb + b"<collection>" + armed + XML[1] + b"</collection>")
    assert TITLES[1] in found
    assert sum(len(title) for title in found) < 20_000
    assert not any("root:" in title for title in found)


def test_lines_of_a_display_are_records_in_every_usual_form() -> None:
    maker = b"=LDR  00000nam a2200000 a 4500\r\n=001  1\r\n=245  10$a{dollar}5 caf{acute}e /$cA.\r\n\r\n"
    aleph = b"000000002 LDR   L 00000nam^a2200000^i^4500\n000000002 001   L 2\n000000002 24510 L $$aTitle /$$cA.\n"
    plain = b"LDR 00000nam a2200000 a 4500\n001 3\n245 10 $aTitle three\n300    $a1 v.\n"
    sheet = "00000nam0 2200000   450_\n0011234\n200  ǂa题名ǂf责任者\n2101 ▼x\n***\n".encode()
    display = "LDR 00000nam0 2200000   450 \n001 5\n200 1  |a题名|f责任者\n210    |a北京\n".encode()
    texts = ((maker, "$5 café"), (aleph, "Title"), (plain, "Title three"), (sheet, "题名"), (display, "题名"))
    for content, title in texts:
        assert looks_like_lines(content)
        assert titles(list(read_lines_stream(io.BytesIO(content)))) == [title]
    assert not looks_like_lines("第一章 总则\n第一条 为了规范。\n".encode())
