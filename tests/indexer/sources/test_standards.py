"""Standards: numbers in all spellings; state, dates and replacements as the first pages say them."""

from __future__ import annotations

import json

import pytest

from indexer.normalise import standard_number
from indexer.sources.standards import facts_of, looks_like_standard
from tests.shared_data import shared

COVER = """ICS 01.140.20
A 14
中华人民共和国国家标准
GB/T 99714—2025
代替 GB/T 99714—2015
信息与文献
地方文献著录规则
Information and documentation—Rules for local documents
（ISO 99690:2021，NEQ）
2025-05-15 发布 2025-12-01 实施
国家市场监督管理总局 发布
国家标准化管理委员会
前 言
本文件按照GB/T 1.1—2020的规定起草。
本文件代替GB/T 99714—2015《信息与文献 地方文献著录规则》和GB/T 99715—2010。
"""


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("GB/T 7714—2015", "GB/T 7714-2015"),
        ("GBT7714-2015", "GB/T 7714-2015"),
        ("ＧＢ／Ｔ 7714", "GB/T 7714"),
        ("GB∕T 7714－2015", "GB/T 7714-2015"),
        ("GB-T 7714-2015", "GB/T 7714-2015"),
        ("GB 7714-87", "GB 7714-1987"),
        ("DB51/T 2345—2017", "DB51/T 2345-2017"),
        ("T/CSTM 00017-2016", "T/CSTM 00017-2016"),
        ("JB/T 5000.12-2007", "JB/T 5000.12-2007"),
        ("JJF 1059.1-2012", "JJF 1059.1-2012"),
        ("IEC 60601-1:2005", "IEC 60601-1:2005"),
        ("ISO/IEC 80000-13:2008", "ISO/IEC 80000-13:2008"),
        ("ANSI/NISO Z39.19-2005", "ANSI/NISO Z39.19-2005"),
        ("EN ISO 9001:2015", "EN ISO 9001:2015"),
    ],
)
def test_a_number_has_one_form(written: str, value: str) -> None:
    assert standard_number(written) == value


def test_the_cover_tells_everything() -> None:
    facts = facts_of(COVER, file_name="scan001")
    assert facts.full_title == "GB/T 99714-2025 信息与文献 地方文献著录规则"
    assert facts.metadata == {
        "number": "GB/T 99714-2025",
        "issue_date": "2025-05-15",
        "effective_date": "2025-12-01",
        "replaces": ["GB/T 99714-2015", "GB/T 99715-2010"],
    }
    assert looks_like_standard(COVER, "scan001")


@pytest.mark.parametrize(
    ("text", "issued", "effective"),
    [
        ("2025年5月15日发布 2025年12月1日实施", "2025-05-15", "2025-12-01"),
        ("发布日期：2025.05.15\n实施日期：2025.12.01", "2025-05-15", "2025-12-01"),
        ("２０２５－０５－１５发布　２０２５－１２－０１实施", "2025-05-15", "2025-12-01"),
        ("二〇二五年五月十五日批准，自2025年12月1日起施行", "2025-05-15", "2025-12-01"),
        ("2025-13-45 发布", "", ""),
    ],
)
def test_days_in_all_spellings(text: str, issued: str, effective: str) -> None:
    facts = facts_of(f"GB 1-2025\n{text}")
    assert (facts.issue_date, facts.effective_date) == (issued, effective)


@pytest.mark.parametrize(
    ("text", "name", "status"),
    [
        ("GB 1-2000\n标准状态：现行", "", "现行"),
        ("GB 1-2000\n状态 已废止", "", "废止"),
        ("GB 1-2000\n状态：即将实施\n2099-01-01 实施", "", "即将实施"),
        ("GB 1-2000\n2099-01-01 实施", "", ""),
        ("GB 1-2000\n本标准自实施之日起，原标准即行废止。", "", ""),
        ("GB 1-2000\n手术刀片", "GB 1-2000 手术刀片（已作废）", "废止"),
    ],
)
def test_a_state_is_taken_only_where_it_is_said(text: str, name: str, status: str) -> None:
    assert facts_of(text, file_name=name).status == status


@pytest.mark.parametrize(
    ("text", "replaces", "replaced_by"),
    [
        ("代替GB 5749—85", ("GB 5749-1985",), ()),
        ("代替 GB/T 1.1—2009、GB/T 1.2—2002", ("GB/T 1.1-2009", "GB/T 1.2-2002"), ()),
        ("本标准已被 GB/T 1.1-2020 代替。", (), ("GB/T 1.1-2020",)),
        ("本标准由GB/T 1.1—2020《标准化工作导则》替代", (), ("GB/T 1.1-2020",)),
        ("被代替标准：GB/T 1.1-2020", (), ("GB/T 1.1-2020",)),
        ("规范性引用文件：GB/T 7714—2015", (), ()),
        ("部分代替 GB/T 20001.4—2001", (), ()),
    ],
)
def test_replacements_go_both_ways(text: str, replaces: tuple[str, ...], replaced_by: tuple[str, ...]) -> None:
    facts = facts_of(f"GB/T 55555—2011\n某某导则\n{text}\n")
    assert (facts.replaces, facts.replaced_by) == (replaces, replaced_by)


def test_the_file_name_serves_where_the_text_says_nothing() -> None:
    facts = facts_of("1 范围\n本标准规定了参考文献。", file_name="GB_T_7714-2015_参考文献著录规则（现行）")
    assert (facts.number, facts.title, facts.status) == ("GB/T 7714-2015", "参考文献著录规则", "现行")


def test_a_regulation_is_no_standard() -> None:
    assert not looks_like_standard("某市图书馆章程\n2020年1月1日起施行\n第一条 参照GB/T 7714制定。", "章程")


@pytest.mark.shared
def test_rules_say_when_they_come_into_force() -> None:
    """Most of the laws that never changed have the day on which the data set says they came into force."""
    right = told = 0
    for line in shared("laws/laws.jsonl").read_text(encoding="utf-8").splitlines():
        law = json.loads(line)
        if not law.get("valid_from") or "修正" in law["text"][:800] or "修订" in law["text"][:800]:
            continue
        found = facts_of(law["text"], title=law["title"]).effective_date
        told += bool(found)
        right += found == law["valid_from"]
    assert told > 100
    assert right >= 0.85 * told
