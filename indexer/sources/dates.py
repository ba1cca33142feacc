"""Days in all the spellings that sources use, as ISO 8601: pure."""

from __future__ import annotations

import re
import unicodedata
from datetime import date, timedelta
from email.utils import parsedate_to_datetime

_YEAR = r"(?P<year>(?:1[5-9]|20)\d{2})"
DAY = re.compile(
    rf"(?<!\d){_YEAR}\s*(?:年|[-—–/.．])\s*(?P<month>\d{{1,2}})\s*(?:月|[-—–/.．])\s*(?P<day>\d{{1,2}})(?!\d)\s*日?"
)
_COMPACT = re.compile(rf"(?<!\d){_YEAR}(?P<month>\d{{2}})(?P<day>\d{{2}})(?!\d)")
_MONTH = re.compile(rf"(?<!\d){_YEAR}\s*(?:年|[-—–/.．])\s*(?P<month>\d{{1,2}})(?!\d)\s*月?")
_NUMERAL = "[一二三四五六七八九十]"
_CHINESE = re.compile(
    rf"(?P<year>[一二][〇零○Ｏ0一二三四五六七八九]{{3}})年(?P<month>{_NUMERAL}{{1,2}})月(?P<day>{_NUMERAL}{{1,3}})日"
)
_DIGITS = {digit: str(value) for value, digits in enumerate(("〇零○Ｏ0", *"一二三四五六七八九")) for digit in digits}
_EXCEL_ZERO = date(1899, 12, 30)


def day_in(text: str) -> str:
    """The first whole day in ``text``; empty when there is none.

    >>> [day_in(t) for t in ("2015年5月15日", "２０１５．５．１５", "20150515", "二〇一五年五月十五日", "2015")]
    ['2015-05-15', '2015-05-15', '2015-05-15', '2015-05-15', '']
    """
    if chinese := _CHINESE.search(text):
        return _iso(*(_chinese_number(chinese[name]) for name in ("year", "month", "day")))
    plain = unicodedata.normalize("NFKC", text)
    for pattern in (DAY, _COMPACT):
        for found in pattern.finditer(plain):
            if day := _iso(int(found["year"]), int(found["month"]), int(found["day"])):
                return day
    return ""


def date_of(text: str) -> str:
    """A date field as ISO 8601, as exactly as it was written (day, month or year); as it stands, when it is none.

    >>> [date_of(t) for t in ("2011年6月", "2011.6.3", "c2011", "Tue, 05 Mar 2024 23:30:00 +0800", "民國八十九年")]
    ['2011-06', '2011-06-03', 'c2011', '2024-03-05', '民國八十九年']
    """
    if day := day_in(text):
        return day
    plain = unicodedata.normalize("NFKC", text).strip()
    if (month := _MONTH.fullmatch(plain)) and 1 <= int(month["month"]) <= 12:
        return f"{month['year']}-{int(month['month']):02d}"
    if re.fullmatch(rf"{_YEAR}\s*年?", plain):
        return plain[:4]
    try:
        return parsedate_to_datetime(plain).date().isoformat()
    except (TypeError, ValueError, IndexError):
        return text.strip()


def day_of_serial(number: int) -> str:
    """The day that Excel means by a number (days since 1899-12-30); empty outside 1954 to 2064."""
    return (_EXCEL_ZERO + timedelta(days=number)).isoformat() if 20_000 <= number <= 60_000 else ""


def _iso(year: int, month: int, day: int) -> str:
    try:
        return date(year, month, day).isoformat()
    except ValueError:
        return ""


def _chinese_number(text: str) -> int:
    if len(text) == 4:
        return int("".join(_DIGITS[character] for character in text))
    tens, has_ten, ones = text.partition("十")
    if not has_ten:
        return int("".join(_DIGITS[character] for character in text))
    return int(_DIGITS.get(tens, "1")) * 10 + int(_DIGITS.get(ones, "0"))
