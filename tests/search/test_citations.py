"""Citations as GB/T 7714 orders them, and in exchange formats."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date

import pytest

from backend.search.citations import STYLES, cite
from indexer.records import Identifier, StoredItem

DAY = date(2026, 1, 2)
BOOK = StoredItem(
    id="b1",
    source_id="1",
    collection="c",
    audience="public",
    kind="catalogue",
    title="地市级区域图书馆联盟建设研究",
    text="",
    revision=1,
    creators=("许军林编著",),
    publisher="西南交通大学出版社",
    year=2011,
    identifiers=(Identifier(scheme="isbn", value="9787564311292"),),
    metadata={"place": "成都", "edition": "第1版"},
)
CASES = [
    (BOOK, "许军林. 地市级区域图书馆联盟建设研究[M]. 成都: 西南交通大学出版社, 2011."),
    (
        replace(BOOK, creators=("甲乙", "丙丁", "戊己", "庚辛"), metadata={"place": "北京", "edition": "第2版"}),
        "甲乙, 丙丁, 戊己, 等. 地市级区域图书馆联盟建设研究[M]. 第2版. 北京: 西南交通大学出版社, 2011.",
    ),
    (
        replace(BOOK, title="Libraries", creators=("Smith, John Paul, 1950-",), metadata={}, publisher="Press"),
        "SMITH J P. Libraries[M]. Press, 2011.",
    ),
    (
        replace(
            BOOK,
            kind="standard",
            title="信息与文献 参考文献著录规则",
            creators=("全国信息与文献标准化技术委员会",),
            identifiers=(Identifier(scheme="standard", value="GB/T 7714-2015"),),
            publisher="中国标准出版社",
            year=2015,
            metadata={"place": "北京"},
        ),
        "全国信息与文献标准化技术委员会. 信息与文献 参考文献著录规则: GB/T 7714—2015[S]. 北京: 中国标准出版社, 2015.",
    ),
    (
        replace(BOOK, kind="news", title="新馆开放", creators=(), date="2025-03-01", url="https://example.org/a"),
        "新馆开放[N/OL]. (2025-03-01)[2026-01-02]. https://example.org/a.",
    ),
]


@pytest.mark.parametrize(("item", "expected"), CASES)
def test_gb7714_2015(item: StoredItem, expected: str) -> None:
    assert cite(item, "gb7714-2015", today=DAY).text == expected


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        (CASES[0][0], "许军林. 地市级区域图书馆联盟建设研究[M]. 成都：西南交通大学出版社，2011."),
        (CASES[3][0], "GB/T 7714—2015 信息与文献 参考文献著录规则[S]."),
        (CASES[4][0], "新馆开放[N/OL]. (2025-03-01)[2026-01-02]. https://example.org/a."),
        (
            replace(CASES[2][0], creators=("Godard, Jean-Luc", "Smith, John")),
            "Godard J-L, Smith J. Libraries[M]. Press, 2011.",
        ),
    ],
)
def test_gb7714_2025(item: StoredItem, expected: str) -> None:
    assert cite(item, "gb7714-2025", today=DAY).text == expected


def test_csl_json_round_trips() -> None:
    made = json.loads(cite(BOOK, "csl-json").text)[0]
    assert (made["type"], made["title"], made["publisher-place"]) == ("book", BOOK.title, "成都")
    assert made["author"] == [{"literal": "许军林"}]
    assert made["issued"] == {"date-parts": [[2011]]}


def test_bibtex_escapes_what_would_break_it() -> None:
    text = cite(replace(BOOK, title="50% {A} & B_C"), "bibtex").text
    assert r"title = {50\% \{A\} \& B\_C}" in text


def test_ris_keeps_one_value_a_line() -> None:
    lines = cite(replace(BOOK, title="一\nER  - \n二"), "ris").text.split("\r\n")
    assert lines[0] == "TY  - BOOK"
    assert lines[1] == "TI  - 一 ER - 二"
    assert lines[-2:] == ["ER  - ", ""]


@pytest.mark.parametrize("style", sorted(STYLES))
def test_a_bare_item_can_be_cited(style: str) -> None:
    bare = replace(BOOK, creators=(), publisher="", year=None, identifiers=(), metadata={})
    assert BOOK.title in cite(bare, style).text
