"""Numbers that Word computes and does not store: 4.3, 第二章, （一）, A.1, from a DOCX's numbering definitions
(ECMA-376 part 1, 17.9). Without them a clause of an automatically numbered standard has no number to be cited by."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from lxml import etree

W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_DIGITS = "〇一二三四五六七八九"
_ROMAN = ((1000, "M"), (900, "CM"), (500, "D"), (400, "CD"), (100, "C"), (90, "XC"), (50, "L"), (40, "XL"), (10, "X"),
          (9, "IX"), (5, "V"), (4, "IV"), (1, "I"))  # fmt: skip
_CHINESE = frozenset({
    "chineseCounting", "chineseCountingThousand", "chineseLegalSimplified", "ideographTraditional", "japaneseCounting",
    "taiwaneseCountingThousand", "taiwaneseCounting", "japaneseLegal",
})  # fmt: skip
_LEVELS = 9


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """One level of a list: where it starts, how its number is written, the text around (``%1.%2``)."""

    start: int = 1
    format: str = "decimal"
    text: str = ""
    legal: bool = False
    style: str = ""


class Numbering:
    """Counts list paragraphs in document order."""

    def __init__(self, root: etree._Element | None) -> None:
        self._levels: dict[str, dict[int, Level]] = {}
        self._abstract: dict[str, str] = {}
        self._starts: dict[tuple[str, int], int] = {}
        self._counters: dict[str, list[int]] = {}
        self._begun: set[tuple[str, int]] = set()
        if root is not None:
            self._read(root)

    def _read(self, root: etree._Element) -> None:
        for abstract in root.iterfind(f"{W}abstractNum"):
            levels = {int(level.get(f"{W}ilvl") or 0): _level(level) for level in abstract.iterfind(f"{W}lvl")}
            self._levels[abstract.get(f"{W}abstractNumId") or ""] = levels
        for num in root.iterfind(f"{W}num"):
            number = num.get(f"{W}numId") or ""
            self._abstract[number] = value(num, "abstractNumId")
            for override in num.iterfind(f"{W}lvlOverride"):
                start = value(override, "startOverride")
                if start.isdigit():
                    self._starts[number, int(override.get(f"{W}ilvl") or 0)] = int(start)

    def level_of_style(self, number: str, style: str) -> int:
        """The level that a list gives to a paragraph style; 0 where it names none."""
        levels = self._levels.get(self._abstract.get(number, ""), {})
        return next((place for place, level in levels.items() if level.style == style), 0)

    def label(self, number: str, depth: int) -> str:
        """The number of the next paragraph of this list at this level; empty for bullets."""
        abstract = self._abstract.get(number)
        levels = self._levels.get(abstract or "", {})
        level = levels.get(depth)
        if abstract is None or level is None or not 0 <= depth < _LEVELS:
            return ""
        counters = self._counters.setdefault(abstract, [0] * _LEVELS)
        if (number, depth) in self._starts and (number, depth) not in self._begun:
            counters[depth] = self._starts[number, depth] - 1
        self._begun.add((number, depth))
        counters[depth] = counters[depth] + 1 if counters[depth] else level.start
        counters[depth + 1 :] = [0] * (_LEVELS - depth - 1)
        return _written(level, levels, counters)


def _level(element: etree._Element) -> Level:
    start = value(element, "start")
    return Level(
        start=int(start) if start.isdigit() else 1,
        format=value(element, "numFmt") or "decimal",
        text=value(element, "lvlText"),
        legal=element.find(f"{W}isLgl") is not None,
        style=value(element, "pStyle"),
    )


def value(element: etree._Element, name: str) -> str:
    """The ``w:val`` of a child; empty when there is none."""
    child = element.find(f"{W}{name}")
    return (child.get(f"{W}val") or "") if child is not None else ""


def _written(level: Level, levels: Mapping[int, Level], counters: list[int]) -> str:
    if level.format in ("bullet", "none"):
        return ""

    def one(match: re.Match[str]) -> str:
        place = int(match[1]) - 1
        own = levels.get(place, Level())
        count = counters[place] or own.start
        return number_as(count, "decimal" if level.legal else own.format)

    return re.sub(r"%([1-9])", one, level.text).strip()


def number_as(count: int, format_: str) -> str:
    """A number as Word writes it.

    >>> [number_as(12, f) for f in ("decimal", "chineseCounting", "upperLetter", "lowerRoman", "decimalZero")]
    ['12', '十二', 'L', 'xii', '12']
    """
    if format_ in _CHINESE:
        return chinese(count)
    if format_ == "ideographDigital":
        return "".join(_DIGITS[int(digit)] for digit in str(count))
    if format_ in ("upperLetter", "lowerLetter"):
        letter = chr(ord("A") + (count - 1) % 26) * ((count - 1) // 26 + 1)
        return letter if format_ == "upperLetter" else letter.lower()
    if format_ in ("upperRoman", "lowerRoman"):
        roman, rest = "", min(count, 3999)
        for size, letters in _ROMAN:
            roman += letters * (rest // size)
            rest %= size
        return roman if format_ == "upperRoman" else roman.lower()
    if format_.startswith("decimalEnclosedCircle") and 1 <= count <= 20:
        return chr(0x2460 + count - 1)
    return f"{count:02d}" if format_ == "decimalZero" else str(count)


def chinese(count: int) -> str:
    """A number to 9,999 in Chinese characters.

    >>> [chinese(n) for n in (0, 7, 10, 18, 20, 105, 110, 2011)]
    ['〇', '七', '十', '十八', '二十', '一百〇五', '一百一十', '二千〇一十一']
    """
    if count <= 0 or count > 9999:
        return _DIGITS[0] if count == 0 else str(count)
    written, gap = "", False
    for size, name in ((1000, "千"), (100, "百"), (10, "十"), (1, "")):
        digit, count = divmod(count, size)
        if digit:
            written += ("〇" if gap and written else "") + _DIGITS[digit] + name
            gap = False
        elif written:
            gap = True
    return written.removeprefix("一") if written.startswith("一十") else written
