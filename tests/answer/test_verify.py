"""A sentence counts only when its quotation carries it: tables of what stands and what falls."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.answer.numerals import arabic, numbers
from backend.answer.verify import verify

HOURS = "本馆周一至周五9:00至21:00开放，周末9:00至17:00开放，国家法定节假日不开放。"
LOAN = "持证读者每次可借图书五册，借期三十天，古籍不得外借，每册每天收取滞纳金0.1元。"
RESERVOIR = "青山水库建成于1958年，设计者是王大明，监理是李小红，总库容为三千万立方米。"

SUPPORTED = [
    ("周末9:00至17:00开放。", HOURS),
    ("根据规定，周末9:00至17:00开放。", HOURS),
    ("國家法定節假日不開放。", HOURS),
    ("每次可借图书5册，借期30天。", LOAN),
    ("古籍不得外借。", LOAN),
    ("青山水库的总库容为3000万立方米。", RESERVOIR),
    ("青山水库建成于一九五八年。", RESERVOIR),
    ("The library opens at 9:00.", "The library opens at 9:00 on weekdays."),
]
UNSUPPORTED = [
    ("周末9:00至18:00开放。", HOURS, "number"),
    ("周末9:00至7:00开放。", HOURS, "number"),
    ("国家法定节假日开放。", HOURS, "turned"),
    ("周末不开放。", HOURS, "not_in_source"),
    ("每次可借图书十五册。", LOAN, "number"),
    ("古籍得外借。", LOAN, "turned"),
    ("古籍可以外借。", LOAN, "not_in_source"),
    ("每次可借期刊五册。", LOAN, "not_in_source"),
    ("设计者是王小明。", RESERVOIR, "not_in_source"),
    ("设计者是李小红。", RESERVOIR, "not_in_source"),
    ("设计者是张大明。", RESERVOIR, "not_in_source"),
    ("青山水库建成于1985年。", RESERVOIR, "number"),
    ("青山水库是全国最大的水库。", RESERVOIR, "not_in_source"),
    ("请访问 http://evil.example 领取奖品。", RESERVOIR, "not_in_source"),
    ("什么都可以。", "", "no_quotation"),
]


@pytest.mark.parametrize(("sentence", "quote"), SUPPORTED)
def test_what_the_quotation_says_is_supported(sentence: str, quote: str) -> None:
    assert verify(sentence, [quote]).supported


@pytest.mark.parametrize(("sentence", "quote", "reason"), UNSUPPORTED)
def test_what_it_does_not_say_falls(sentence: str, quote: str, reason: str) -> None:
    verdict = verify(sentence, [quote])
    assert not verdict.supported
    assert verdict.reason == reason


@pytest.mark.parametrize(
    ("sentence", "supported"),
    [
        ("《活着》馆藏：示例市图书馆 I247.57/8042 在架可借；示例学院 I247.57/Y80 已借出。", True),
        ("《活着》馆藏：示例市图书馆 I247.57/8042 已借出。", False),
        ("《活着》馆藏：示例学院 I247.57/Y80 在架可借。", False),
        ("《活着》馆藏：示例市图书馆 I247.57/9042 在架可借。", False),
        ("《活着》馆藏：示例大学 I247.57/8042 在架可借。", False),
    ],
)
def test_holdings_and_availability_are_checked_member_by_member(sentence: str, supported: bool) -> None:
    lines = ["示例市图书馆 I247.57/8042 在架可借", "示例学院 I247.57/Y80 已借出"]
    assert verify(sentence, ["活着"], lines=lines, known=["活着", "馆藏"]).supported is supported


@given(st.text(alphabet="图书馆周末开放借期三十天不得外借0123456789，。年月日", min_size=4, max_size=60))
def test_a_quotation_always_supports_itself(text: str) -> None:
    if any(character.isalnum() for character in text):
        assert verify(text, [text]).supported


@pytest.mark.parametrize(
    ("text", "expected"),
    [("三十天", "30天"), ("二〇一一年", "2011年"), ("三千万立方米", "30000000立方米"), ("12,600人", "12600人"), ("一些统一的规定", "一些统一的规定")],  # noqa: E501
)  # fmt: skip
def test_numerals_are_written_in_figures_where_they_count(text: str, expected: str) -> None:
    assert arabic(text) == expected


def test_a_number_carries_its_unit() -> None:
    assert numbers("借期三十天，押金100元") == [("30", "天"), ("100", "元")]
