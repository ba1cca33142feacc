"""The pure parts: routing, numbers, citations, page counts, candidates."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.consortium.values import Agreement, Member
from backend.delivery.candidates import Facts, options
from backend.delivery.citations import best_match, parse
from backend.delivery.drafts import count_pages
from backend.delivery.numbers import ALPHABET, new_number, parse_number
from backend.delivery.routing import Candidate, Policy, distance_km, rank, strain
from backend.delivery.values import HoldingRef
from tests.delivery.library import draft, item


def test_own_library_then_availability_come_before_everything() -> None:
    cheap = Candidate(supplier="cheap", balance=-50, activity=100)
    own = Candidate(supplier="own", own=True, price_fen=9999, queue=99)
    out = Candidate(supplier="out", available=False, balance=-99, activity=100)
    barred = Candidate(supplier="barred", excluded="没有外借协议")
    ranked = rank([barred, out, cheap, own], number="n")
    assert [place.supplier for place in ranked] == ["own", "cheap", "out", "barred"]
    assert [place.position for place in ranked] == [1, 2, 3, 0]
    assert all(place.reasons for place in ranked)


def test_a_newcomer_counts_as_balanced_whatever_its_goal() -> None:
    policy = Policy()
    assert strain(Candidate(supplier="new", balance=-500, activity=0), policy) == 0.0
    assert strain(Candidate(supplier="new", balance=3, activity=3), policy) < 0.15
    assert strain(Candidate(supplier="old", balance=-500, activity=1000), policy) < -0.45


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        ({"price_fen": 0}, {"price_fen": 1000}),
        ({"balance": -20, "activity": 40}, {"balance": 20, "activity": 40}),
        ({"queue": 0}, {"queue": 10}),
        ({"turnaround_days": 1.0}, {"turnaround_days": 6.0}),
        ({"distance_km": 5.0}, {"distance_km": 500.0}),
        ({"closed_today": False}, {"closed_today": True}),
    ],
)
def test_each_thing_counts(better: dict[str, object], worse: dict[str, object]) -> None:
    candidates = [Candidate(supplier="w", **worse), Candidate(supplier="b", **better)]  # type: ignore[arg-type]
    assert rank(candidates, number="n")[0].supplier == "b"


def test_a_newcomer_counts_as_balanced() -> None:
    assert strain(Candidate(supplier="new"), Policy()) == 0
    assert abs(strain(Candidate(supplier="new", balance=1, activity=1), Policy())) < 0.05
    assert strain(Candidate(supplier="old", balance=300, activity=300), Policy()) > 0.9


def test_equals_take_turns() -> None:
    equal = [Candidate(supplier=name) for name in "abc"]
    firsts = [rank(equal, number=f"n{i}")[0].supplier for i in range(300)]
    assert all(60 < firsts.count(name) < 140 for name in "abc")


@given(st.permutations([Candidate(supplier=s, balance=b, activity=30, queue=q) for s, b, q in
                        (("a", 3, 1), ("b", -3, 0), ("c", 0, 5), ("d", 9, 2))]))  # fmt: skip
def test_the_order_of_candidates_does_not_matter(shuffled: list[Candidate]) -> None:
    assert [p.supplier for p in rank(shuffled, number="n")] == [
        p.supplier for p in rank(sorted(shuffled, key=lambda c: c.supplier), number="n")
    ]


def test_distance_of_two_known_cities() -> None:
    assert 1050 < distance_km((39.9042, 116.4074), (31.2304, 121.4737)) < 1080


def facts(*agreements: Agreement, volume: int = 0) -> Facts:
    return Facts(
        members={code: Member(code=code, name=code) for code in ("county-b", "city")},
        agreements=agreements,
        today=date(2026, 6, 1),
        volume={("city", "copy"): volume},
    )


def agreement(**more: object) -> Agreement:
    terms: dict[str, object] = {
        "id": "a", "requester": "county-b", "supplier": "city", "service": "copy", "valid_from": date(2026, 1, 1),
    }  # fmt: skip
    return Agreement(**(terms | more))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("terms", "volume", "refusal"),
    [
        ([], 0, "没有复制协议"),
        ([agreement(service="loan")], 0, "没有复制协议"),
        ([agreement(requester="city", supplier="county-b")], 0, "没有复制协议"),
        ([agreement(valid_until=date(2026, 5, 31))], 0, "协议不在有效期内"),
        ([agreement(valid_from=date(2026, 6, 2))], 0, "协议不在有效期内"),
        ([agreement(max_pages=10)], 0, "页数上限"),
        ([agreement(max_per_month=3)], 3, "件数上限"),
        ([agreement(max_per_month=3)], 2, ""),
        ([agreement(valid_until=date(2026, 6, 1), max_pages=20)], 0, ""),
    ],
)
def test_agreements_decide_who_may_supply(terms: list[Agreement], volume: int, refusal: str) -> None:
    asked = draft(item("city"), service="copy", page_count=20)
    found = options(asked, [HoldingRef(member="city")], facts(*terms, volume=volume))[0].candidate.excluded
    assert refusal in found
    assert bool(found) == bool(refusal)


def test_the_cheapest_agreement_applies_and_unlendable_copies_do_not() -> None:
    asked = draft(item("city"), service="copy", page_count=20)
    terms = facts(agreement(id="dear", page_price_fen=50), agreement(id="cheap", price_fen=300))
    chosen = options(asked, [HoldingRef(member="city")], terms)[0]
    assert chosen.agreement is not None
    assert (chosen.agreement.id, chosen.candidate.price_fen) == ("cheap", 300)
    barred = options(asked, [HoldingRef(member="city", copyable=False)], terms)[0]
    assert barred.candidate.excluded == "这里的馆藏不提供复制"


def test_an_unknown_member_is_no_candidate() -> None:
    assert options(draft(item("x")), [HoldingRef(member="x")], facts()) == []


@given(st.integers(0, 8), st.sampled_from(ALPHABET))
def test_one_wrong_character_is_noticed(position: int, wrong: str) -> None:
    number = new_number()
    bare = number.replace("-", "")[2:]
    changed = bare[:position] + wrong + bare[position + 1 :]
    if changed != bare and {wrong, bare[position]} != {"2", "Z"}:  # first and last of the alphabet: 29 apart
        assert parse_number("LW" + changed) is None


@pytest.mark.parametrize("text", ["", "LW-", "LW-0000-00000", "1", "LW-2222-2222", "x" * 10_000])
def test_what_is_no_number(text: str) -> None:
    assert parse_number(text) is None


@pytest.mark.parametrize(
    ("pages", "count"),
    [
        ("12-30", 19),
        ("第12—30页", 19),
        ("pp. 3-5", 3),
        ("7", 1),
        ("1,3,5-6", 4),
        ("全书", None),
        ("30-12", None),
        ("", None),
    ],
)
def test_pages_are_counted_where_they_can_be(pages: str, count: int | None) -> None:
    assert count_pages(pages) == count


@pytest.mark.parametrize(
    ("text", "title", "year", "pages"),
    [
        (
            "许军林. 地市级区域图书馆联盟建设研究[M]. 成都: 西南交通大学出版社, 2011.",
            "地市级区域图书馆联盟建设研究",
            2011,
            "",
        ),
        ("[3] 甲, 乙. 某题名[J]. 某学报, 2019, 3(2): 12-18.", "某题名", 2019, "12-18"),
        ("想借《红楼梦》，谢谢", "红楼梦", None, ""),
        ("百年孤独", "百年孤独", None, ""),
    ],
)
def test_citations_are_read(text: str, title: str, year: int | None, pages: str) -> None:
    read = parse(text)
    assert (read.title, read.year, read.pages) == (title, year, pages)


def test_identifiers_in_citations_are_read() -> None:
    read = parse("ISBN 978-7-5643-1129-2 DOI 10.1000/xyz-1. ISSN 1002-1167")
    assert (read.isbn, read.doi, read.issn) == ("9787564311292", "10.1000/xyz-1", "1002-1167")


@given(st.text(max_size=300))
def test_any_text_can_be_read_as_a_citation(text: str) -> None:
    assert parse(text).text == text


def test_an_isbn_decides_and_a_contradiction_refuses() -> None:
    isbn10 = item("city", title="别的题名", isbn="7111075757")
    assert best_match(parse("ISBN 9787111075752"), [isbn10])[0] is isbn10
    wrong_year = item("city", title="地方志编纂", year=1950)
    assert best_match(parse("陈某. 地方志编纂[M]. 2001"), [wrong_year])[0] is None
    assert best_match(parse("无"), []) == (None, "目录中没有找到相符的文献")
