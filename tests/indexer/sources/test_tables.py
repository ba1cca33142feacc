"""Tables: headings found wherever they stand, numbers that Excel changed, rows that are out of shape."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import openpyxl
import pytest

from indexer.records import Document, Record
from indexer.sources.opening import ReadingOptions, read_path
from indexer.sources.table_columns import columns_from
from indexer.sources.values import Noticed, Outcome, Read, Skipped, SourceError


def read(path: Path, kind: str | None = None, **options: Any) -> list[Outcome]:
    return [outcome for _, outcome in read_path(str(path), ReadingOptions(kind=kind, **options))]


def things(found: list[Outcome]) -> list[Any]:
    return [one.thing for one in found if isinstance(one, Read)]


def csv(folder: Path, text: str, encoding: str = "utf-8") -> Path:
    path = folder / "a.csv"
    path.write_bytes(text.encode(encoding))
    return path


def xlsx(folder: Path, *sheets: list[list[Any]]) -> Path:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for number, rows in enumerate(sheets, start=1):
        sheet = book.create_sheet(f"表{number}")
        for row in rows:
            sheet.append(row)
    book.save(folder / "a.xlsx")
    return folder / "a.xlsx"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16", "utf-16-le", "big5"])
@pytest.mark.parametrize("separator", [",", "\t", ";"])
def test_any_encoding_and_separator(tmp_path: Path, encoding: str, separator: str) -> None:
    rows = [["書名", "作者", "ISBN"], ["紅樓夢", "曹雪芹", "978-7-02-000220-7"], ["水滸傳", "施耐庵", ""]]
    found = read(csv(tmp_path, "\r\n".join(separator.join(row) for row in rows) + "\r\n", encoding))
    first, second = things(found)
    assert isinstance(first, Record)
    assert (first.title, first.contributors[0].name, first.identifiers[0].value) == (
        "紅樓夢", "曹雪芹", "9787020002207",
    )  # fmt: skip
    assert second.title == "水滸傳"


def test_line_breaks_in_quotes_and_rows_out_of_shape_are_told_by_line(tmp_path: Path) -> None:
    text = '题名,作者,备注\n甲书,张,"第一行\n第二行"\n乙书,李\n丙书,王,好,多出的\n"丁书,赵,好\n戊书,钱,好\n'
    found = read(csv(tmp_path, text), "document")
    assert [thing.title for thing in things(found)] == ["甲书", "乙书", "戊书"]
    assert things(found)[0].metadata["备注"] == "第一行\n第二行"
    assert [(one.place, one.reason) for one in found if isinstance(one, Skipped)] == [
        ("第 5 行", "有 4 格，表头只有 3 格（可能有没加引号的分隔符）"),
        ("第 6 行", "引号没有配对"),
    ]
    assert [one.place for one in found if isinstance(one, Noticed)] == ["第 4 行"]


def test_a_stray_quote_costs_its_own_line_only(tmp_path: Path) -> None:
    lines = ["题名,作者", '"坏了,张', *(f"书{n},李" for n in range(1200))]
    found = read(csv(tmp_path, "\n".join(lines) + "\n"), "document")
    assert len(things(found)) == 1200
    assert [one.place for one in found if isinstance(one, Skipped)] == ["第 2 行"]


def test_a_line_in_another_encoding_is_read_in_its_own(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes("题名,作者\n".encode() + "甲书,张\n".encode() * 3 + "乙书,李\n".encode("gb18030"))
    found = read(path, "document")
    assert [thing.title for thing in things(found)][-1] == "乙书"
    assert any(isinstance(one, Noticed) and "gb18030" in one.remark for one in found)


def test_what_excel_did_to_numbers_is_undone_or_named(tmp_path: Path) -> None:
    rows = [
        ["书名", "ISBN", "条码号", "出版年"],
        ["甲", 9787564311292.0, "0012345", 2011.0],
        ["乙", "9.78756E+12", "0012346", 2012],
        ["丙", "9.787564311292E+12", "0012347", "2013.0"],
        ["丁", '="9787564311292"', "0012348", 2014],
        ["戊", "9787564311293", "0012349", 2015],
    ]
    found = read(xlsx(tmp_path, rows), "catalogue")
    isbns = [[one.value for one in thing.identifiers] for thing in things(found)]
    assert isbns == [["9787564311292"], [], ["9787564311292"], ["9787564311292"], []]
    assert [thing.year for thing in things(found)] == [2011, 2012, 2013, 2014, 2015]
    told = [one.remark for one in found if isinstance(one, Noticed)]
    assert "科学计数法" in told[0]
    assert "不是有效的 ISBN" in told[1]


def test_headings_below_a_title_and_in_two_rows(tmp_path: Path) -> None:
    rows = [
        ["某馆新书通报"], [], ["序号", "书名", "责任者", "馆藏信息", None], [None, None, None, "索书号", "条码号"],
        [1, "图书馆学基础", "吴", "G250/1", "0012345"], [2, None, "无题名", "G1", "2"],
    ]  # fmt: skip
    found = read(xlsx(tmp_path, rows, [["说明"]], [["题名"], ["另一张表的书"]]))
    first, other = things(found)
    assert (first.title, first.source_id) == ("图书馆学基础", "barcode-0012345")
    assert (first.holdings[0].call_number, first.holdings[0].barcode) == ("G250/1", "0012345")
    assert other.title == "另一张表的书"
    assert [(one.place, one.reason) for one in found if isinstance(one, Skipped)] == [
        ("工作表“表1”第 6 行", "题名为空")
    ]


def test_volumes_and_copies_keep_ids_of_their_own(tmp_path: Path) -> None:
    text = (
        "书名,ISBN,条码号\n中国通史 第1卷,7-208-00000-0,\n中国通史 第2卷,7-208-00000-0,\n"
        "甲,978-7-5643-1129-2,001\n甲,978-7-5643-1129-2,002\n"
    )
    assert len({thing.source_id for thing in things(read(csv(tmp_path, text)))}) == 4


def test_a_table_of_standards_tells_states_and_days(tmp_path: Path) -> None:
    rows = [
        ["标准号", "标准名称", "标准状态", "发布日期", "实施日期", "代替标准"],
        ["GB/T 7714-2015", "参考文献著录规则", "现行有效", "2015年5月15日", 42339, "GB/T 7714-2005"],
    ]
    found = read(xlsx(tmp_path, rows))
    (thing,) = things(found)
    assert isinstance(thing, Document)
    assert (thing.kind, thing.title, thing.date) == ("standard", "GB/T 7714-2015 参考文献著录规则", "2015-05-15")
    told = {name: thing.metadata[name] for name in ("status", "issue_date", "effective_date", "replaces")}
    assert told == {
        "status": "现行", "issue_date": "2015-05-15", "effective_date": "2015-12-01", "replaces": "GB/T 7714-2005",
    }  # fmt: skip
    assert any(isinstance(one, Noticed) and "日期序号" in one.remark for one in found)


def test_formulas_without_a_stored_value_are_empty_and_named(tmp_path: Path) -> None:
    found = read(xlsx(tmp_path, [["题名", "作者"], ["甲", "=A1&B1"], ["乙", "#REF!"]]), "document")
    assert len(things(found)) == 2
    told = [one.remark for one in found if isinstance(one, Noticed)]
    assert len(told) == 2
    assert "公式" in told[0]
    assert "#REF!" in told[1]


def test_a_column_map_names_columns_that_nobody_knows(tmp_path: Path) -> None:
    mapped = tmp_path / "map.txt"
    mapped.write_text("# 本馆的列名\n册名 = title\n主笔\tcreators\n备用=-\n", encoding="utf-8")
    path = csv(tmp_path, "册名,主笔,备用\n甲,张,x\n")
    with pytest.raises(SourceError, match="--columns"):
        read(path, "document")
    for told in (str(mapped), "册名=title,主笔=creators,备用=-"):
        (thing,) = things(read(path, "document", columns=columns_from(told)))
        assert (thing.title, thing.metadata) == ("甲", {"creators": "张"})
    with pytest.raises(SourceError, match="没有这列"):
        read(path, "document", columns={"没有这列": "title"})


def test_a_line_without_end_is_not_kept_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from indexer.sources import tables

    monkeypatch.setattr(tables, "_LONGEST_LINE", 10_000)
    found = read(csv(tmp_path, "题名,作者\n甲,张\n" + "x" * 300_000 + "\n乙,李\n"), "document")
    assert [thing.title for thing in things(found)] == ["甲", "乙"]
    assert [one.place for one in found if isinstance(one, Skipped)] == ["第 3 行"]


def test_no_workbook_and_a_bomb_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.xlsx").write_bytes(b"PK\x03\x04nonsense")
    with pytest.raises(SourceError):
        read(tmp_path / "a.xlsx")
