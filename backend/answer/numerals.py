"""Numbers in Chinese and Arabic figures, made comparable. Pure.

``三十天`` and ``30天``, ``１２，６００`` and ``12600``, ``二〇一一年`` and ``2011年`` are the same number.
"""

from __future__ import annotations

import re
from decimal import Decimal

_DIGIT = {c: n for n, c in enumerate("〇一二三四五六七八九")} | {"零": 0, "两": 2}
_UNIT = {"十": 10, "百": 100, "千": 1_000}
_BIG = {"万": 10_000, "亿": 100_000_000}
_MEASURE = (
    "年月日号天周时点分秒元角本册次个位名人岁条部篇项种层楼米公里克吨度倍届所家座章期卷页间台套场立平毫厘海千公%％成"
)
_CHINESE = re.compile(
    rf"(?:第|周|星期|礼拜|初)?[〇零一二两三四五六七八九十百千万亿]+(?=([{_MEASURE}]|[^\u4e00-\u9fff]|$))|[〇零一二两三四五六七八九十百千万亿]{{2,}}"
)
_PREFIX = re.compile(r"^(第|周|星期|礼拜|初)")
_GROUPED = re.compile(r"(?<=\d)[,，](?=\d{3}(?!\d))")
_SCALED = re.compile(r"(\d+(?:\.\d+)?)([万亿]+)")
_ARABIC = re.compile(r"\d+(?:\.\d+)?")


def arabic(folded: str) -> str:
    """The (folded) text with its Chinese numerals written in figures, where they count something."""
    return _SCALED.sub(_whole, _CHINESE.sub(_figures, _GROUPED.sub("", folded)))


def numbers(text: str) -> list[tuple[str, str]]:
    """Each number of ``arabic(text)`` with the character that follows it (its unit, mostly)."""
    written = arabic(text)
    found = []
    for match in _ARABIC.finditer(written):
        value = match.group()
        value = value.rstrip("0").rstrip(".") if "." in value else value.lstrip("0") or "0"
        after = written[match.end() : match.end() + 1]
        found.append((value, after if after and after in _MEASURE + ":：" else ""))
    return found


def _whole(match: re.Match[str]) -> str:
    scale = 1
    for character in match.group(2):
        scale *= _BIG[character]
    value = Decimal(match.group(1)) * scale
    return str(int(value)) if value == value.to_integral_value() else str(value)


def _figures(match: re.Match[str]) -> str:
    whole = match.group()
    prefix = _PREFIX.match(whole)
    head = prefix.group() if prefix else ""
    value = _value(whole[len(head) :])
    return whole if value is None else f"{head}{value}"


def _value(text: str) -> int | None:
    if not text:
        return None
    if all(c in _DIGIT for c in text):
        return int("".join(str(_DIGIT[c]) for c in text))
    total, section, digit = 0, 0, -1
    for c in text:
        if c in _DIGIT:
            digit = _DIGIT[c]
        elif c in _UNIT:
            section += (1 if digit < 0 else digit) * _UNIT[c]
            digit = -1
        else:
            if digit < 0 and not section and not total:
                return None
            total = (total + section + max(digit, 0)) * _BIG[c]
            section, digit = 0, -1
    return total + section + max(digit, 0)
