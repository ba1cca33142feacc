"""Holdings by rule file: what a library may say, what is refused, and that nothing is dropped in silence."""

from __future__ import annotations

from pathlib import Path

import pytest

from indexer.records import Holding
from indexer.sources.holding_rules import HoldingRules, built_in, load_rules
from indexer.sources.marc_fields import MarcFields
from indexer.sources.marc_holdings import expand_barcodes, holdings_of
from indexer.sources.values import SourceError
from tests.indexer.factories import Parts, catalogue, cnmarc_book, iso2709, load, marc


def of(*fields: tuple[str, str | Parts], rules: HoldingRules | None = None, form: str = "cnmarc") -> list[Holding]:
    return list(holdings_of(MarcFields(marc(*fields)), form, rules or built_in()))


def rule_file(folder: Path, text: str) -> Path:
    path = folder / "holdings.toml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("written", "barcodes"),
    [
        ("0010201", ["0010201"]),
        ("0010201-10", [f"00102{n:02d}" for n in range(1, 11)]),
        ("0010199-0010201", ["0010199", "0010200", "0010201"]),
        ("T001－T003", ["T001", "T002", "T003"]),
        ("A001；A002、A003", ["A001", "A002", "A003"]),
        ("2011-0001", ["2011-0001"]),
        ("1-100000", ["1-100000"]),
    ],
)
def test_barcodes_are_taken_apart_only_where_they_are_a_list_or_a_short_range(
    written: str, barcodes: list[str]
) -> None:
    assert expand_barcodes(written) == barcodes


@pytest.mark.parametrize(
    ("parts", "held"),
    [
        ([("a", "甲"), ("b", "1"), ("b", "2"), ("d", "I2"), ("e", "5")], [("甲", "I2/5", "1"), ("甲", "I2/5", "2")]),
        (
            [("a", "甲"), ("b", "1"), ("d", "I2"), ("e", "5"), ("a", "乙"), ("b", "1"), ("d", "I2"), ("e", "6")],
            [("甲", "I2/5", "1"), ("乙", "I2/6", "1")],
        ),
        (
            [("a", "甲"), ("b", "1"), ("d", "I2"), ("e", "5"), ("a", "乙"), ("b", "2")],
            [("甲", "I2/5", "1"), ("乙", "I2/5", "2")],
        ),
        ([("A", "甲"), ("B", "1"), ("D", "I2"), ("E", "5")], [("甲", "I2/5", "1")]),
        ([("a", "甲"), ("A", "jia"), ("d", "I2"), ("e", "5")], [("甲", "I2/5", "")]),
        ([("a", "甲"), ("f", "I2/5"), ("d", "I2")], [("甲", "I2/5", "")]),
        ([("d", "I2"), ("e", "5")], [("", "I2/5", "")]),
        ([("a", "")], []),
    ],
)  # fmt: skip
def test_every_dirty_form_of_905_gives_its_copies(parts: Parts, held: list[tuple[str, str, str]]) -> None:
    assert [(one.member, one.call_number, one.barcode) for one in of(("905", parts))] == held


@pytest.mark.parametrize("tag", ["906", "985"])
def test_items_in_a_second_field_take_the_library_of_the_summary_and_replace_it(tag: str) -> None:
    summary = ("905", [("a", "BNU"), ("c", "bk"), ("d", "F124"), ("e", "26")])
    items = [(tag, [("a", "211260"), ("b", code), ("d", "F124"), ("e", "26")]) for code in ("1", "2")]
    found = of(summary, *items)
    assert [(one.member, one.call_number, one.barcode) for one in found] == [
        ("BNU", "F124/26", "1"),
        ("BNU", "F124/26", "2"),
    ]
    assert [(one.member, one.barcode) for one in of(*items)] == [("211260", "1"), ("211260", "2")]


def test_a_files_own_rules_replace_a_field_and_map_codes_to_members(tmp_path: Path) -> None:
    rules = load_rules(
        rule_file(
            tmp_path,
            """
            [[field]]
            tag = "949"
            member = ["l"]
            location = ["c"]
            barcode = ["i"]
            call_number = ["a"]
            status = "s"
            [members]
            "NJ*" = "NORTH"
            "总馆" = "CITY"
            [locations]
            "r1" = "一楼借阅室"
            [statuses]
            "出" = "on_loan"
            """,
        )
    )
    own = of(("949", [("a", "I2/5"), ("l", "nj03"), ("c", "R1"), ("i", "7"), ("s", "出")]), rules=rules)
    (held,) = [rules.resolve(one, "")[0] for one in own]
    assert (held.member, held.location, held.status) == ("NORTH", "一楼借阅室", "on_loan")
    (city,) = [rules.resolve(one, "") for one in of(("905", [("a", "总馆"), ("d", "I2")]), rules=rules)]
    assert (city[0].member, city[0].location, city[1]) == ("CITY", "", "")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[[field]\n", "不是有效的 TOML"),
        ('[[field]]\ntag = "90"\n', "三位字段号"),
        ('[[field]]\ntag = "905"\nbarcod = ["b"]\n', "'barcod'"),
        ('[[field]]\ntag = "905"\nbarcode = ["bc"]\n', "barcode 要是子字段代码的列表"),
        ('[[field]]\ntag = "905"\nformat = "usmarc"\n', "format 只能是"),
        ('[[field]]\ntag = "905"\nflags = { q = "gone" }\n', "flags"),
        ('[statuses]\n"借" = "away"\n', "away"),
        ("[members]\nBNU = 3\n", "BNU"),
        ("[member]\n", "'member'"),
    ],
)
def test_a_wrong_rule_file_is_refused_with_the_place_named(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(SourceError, match=r"holdings\.toml") as error:
        load_rules(rule_file(tmp_path, text))
    assert told in str(error.value)


def test_a_code_that_no_rule_maps_is_kept_and_reported_with_its_count(tmp_path: Path) -> None:
    books = catalogue(tmp_path)
    rules = load_rules(rule_file(tmp_path, '[members]\n"总馆" = "CITY"\n'))
    held = [[("a", "总馆"), ("b", "1"), ("d", "I2")], [("a", "鼓楼"), ("b", "2-3"), ("d", "I2")]]
    report = load(books, iso2709(tmp_path / "a.mrc", cnmarc_book("B1", "甲", held=held)), rules=rules)
    assert report.unmapped == {"鼓楼": 2}
    assert any("鼓楼（2）" in line for line in report.lines())
    item = books.by_source_id("books", "B1")
    assert item is not None
    assert {(one.member, one.copies) for one in item.holdings} == {("CITY", 1), ("鼓楼", 2)}


def test_one_barcode_in_two_branches_is_two_copies(tmp_path: Path) -> None:
    books = catalogue(tmp_path)
    held = [[("a", "甲"), ("b", "1"), ("d", "I2")], [("a", "乙"), ("b", "1"), ("b", "1"), ("d", "I2")]]
    load(books, iso2709(tmp_path / "a.mrc", cnmarc_book("B1", "甲", held=held)))
    item = books.by_source_id("books", "B1")
    assert item is not None
    assert [(one.member, one.copies) for one in item.holdings] == [("甲", 1), ("乙", 1)]
