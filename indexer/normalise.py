"""One form for many spellings: characters, ISBN, ISSN, standard and call numbers. Pure, the same at build and query.

Folding works character by character, so that a match in the folded text has its place in the original: compatibility
forms (NFKD), lower case, Traditional to Simplified (OpenCC's single-character table), the variants below, no
diacritics (but kana voicing marks stay).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import cache

import opencc

# Printed variants that OpenCC's table leaves alone, met in catalogue records (old type forms, Kangxi shapes).
_VARIANTS = dict(
    zip(
        "硏敎旣卽淸靑眞愼塡顚緖脫稅說銳悅閱絕虛戶戸內吳宮彔祿黃橫產産爲衆眾羣峯牀鷄綫説閲麽麼歷曆鄕郞戱靜尙冊刪姊"
        "汙擧槪溫熅蘊强彥册並竝併",
        "研教既即清青真慎填颠绪脱税说锐悦阅绝虚户户内吴宫录禄黄横产产为众众群峰床鸡线说阅么么历历乡郎戏静尚册删姐"
        "污举概温熅蕴强彦册并并并",
        strict=True,
    )
)
_KEPT_MARKS = frozenset("\u3099\u309a")  # kana voicing
_DASHES = "-‐‑‒–—―−﹣－~〜"
_SEPARATORS = re.compile(rf"[\s{re.escape(_DASHES)}·]+")


@cache
def _converter() -> opencc.OpenCC:
    return opencc.OpenCC("t2s")


class _FoldTable(dict[int, str]):
    """What each character folds to, worked out when first met."""

    def __init__(self) -> None:
        super().__init__()
        self.uneven: set[str] = set()
        """Characters met so far that do not fold to exactly one."""

    def __missing__(self, code: int) -> str:
        folded = self[code] = _fold_character(chr(code))
        if len(folded) != 1:
            self.uneven.add(chr(code))
        return folded


def _fold_character(character: str) -> str:
    if "\ud800" <= character <= "\udfff" or (unicodedata.category(character) == "Cc" and not character.isspace()):
        return ""
    decomposed = unicodedata.normalize("NFKD", character)
    bare = "".join(c for c in decomposed if c in _KEPT_MARKS or not unicodedata.combining(c))
    whole = unicodedata.normalize("NFC", bare).lower()
    if whole.isascii():
        return whole
    return "".join(_VARIANTS.get(c, c) for c in _converter().convert("".join(_VARIANTS.get(c, c) for c in whole)))


_TABLE = _FoldTable()


def fold(text: str) -> str:
    """The form in which texts are compared and indexed.

    >>> fold("ＧＢ／Ｔ 圖書館學硏究 Café")
    'gb/t 图书馆学研究 cafe'
    """
    return text.lower() if text.isascii() and text.isprintable() else text.translate(_TABLE)


def fold_with_offsets(text: str) -> tuple[str, Sequence[int]]:
    """The folded text, and for each of its characters the offset of the original one."""
    whole = text.translate(_TABLE)
    if _TABLE.uneven.isdisjoint(text):
        return whole, range(len(text))
    folded: list[str] = []
    offsets: list[int] = []
    for place, character in enumerate(text):
        for piece in _TABLE[ord(character)]:
            folded.append(piece)
            offsets.append(place)
    return "".join(folded), offsets


def title_key(text: str) -> str:
    """A title without case, script, spaces and punctuation.

    >>> title_key("《紅樓夢》（上）") == title_key("红楼梦 (上)")
    True
    """
    return "".join(character for character in fold(text) if character.isalnum())


def _compact(text: str) -> str:
    return _SEPARATORS.sub("", unicodedata.normalize("NFKC", text)).upper()


def isbn13(text: str) -> str | None:
    """ISBN-13 without hyphens, from an ISBN-10 or -13 in any spelling; None when the check digit is wrong.

    >>> isbn13("7-5037-1744-0"), isbn13("ISBN 978－7－5643－1129－2")
    ('9787503717444', '9787564311292')
    """
    raw = _compact(text).removeprefix("ISBN").removeprefix(":")
    if re.fullmatch(r"\d{9}[\dX]", raw):
        total = sum((10 - place) * (10 if digit == "X" else int(digit)) for place, digit in enumerate(raw))
        return _with_check("978" + raw[:9]) if total % 11 == 0 else None
    return raw if re.fullmatch(r"97[89]\d{10}", raw) and _with_check(raw[:12]) == raw else None


def misprinted_isbn(text: str) -> str | None:
    """Thirteen digits near the ISBN that was meant; None when ``text`` is a right one, or none at all.

    >>> misprinted_isbn("978-7-5643-1129-3"), misprinted_isbn("7-5037-1744-5"), misprinted_isbn("9787564311292")
    ('9787564311293', '9787503717444', None)
    """
    raw = _compact(text)
    if isbn13(raw) or not re.fullmatch(r"97[89]\d{10}|\d{9}[\dX]", raw):
        return None
    return raw if len(raw) == 13 else _with_check("978" + raw[:9])


def _with_check(digits: str) -> str:
    total = sum(int(digit) * (1, 3)[place % 2] for place, digit in enumerate(digits))
    return digits + str(-total % 10)


def issn(text: str) -> str | None:
    """ISSN as ``1234-567X``; None when the check digit is wrong."""
    raw = _compact(text).removeprefix("ISSN").removeprefix(":")
    if not re.fullmatch(r"\d{7}[\dX]", raw):
        return None
    total = sum((8 - place) * (10 if digit == "X" else int(digit)) for place, digit in enumerate(raw))
    return f"{raw[:4]}-{raw[4:]}" if total % 11 == 0 else None


# Codes of Chinese sectors (GB/T 1.1 and the list of sector standards), so that "AI 2024" is no standard; then those of
# metrology, engineering construction and the like, which stand outside that list.
_SECTORS = (
    "AQ BB CB CH CJ CY DA DL DY DZ EJ FZ GA GC GD GF GH GM GY HB HG HJ HS HY JB JC JG JR JT JY LB LD LS LY MH MT MZ NB "
    "NY QB QC QJ QX RB SB SC SF SH SJ SL SN SW SY TB TD TY WB WH WJ WM WS WW XB XF YB YC YD YJ YS YY YZ ZY "
    "GBJ JJF JJG JGJ CJJ CECS JTG JTJ TSG KA LYJ"
).replace(" ", "|")
_DASH = rf"[{re.escape(_DASHES)}]"
_SLASH = "[/∕⁄_]"
_FOREIGN = (
    r"(?:BS\s|DIN\s|NF\s|SS\s)?EN\s(?:ISO(?:\s?/\s?IEC)?|IEC)|EN|ISO\s?/\s?IEC(?:\s(?:TR|TS|Guide))?"
    r"|ISO(?:\s?/\s?|\s)(?:TR|TS|PAS|FDIS|DIS|CD)|ISO|IEC(?:\s(?:TR|TS))?|ITU-T|IEEE(?:\sStd)?|ASTM"
    r"|ANSI(?:\s?/\s?[A-Z]{2,6})?|NISO|DIN|BS|JIS|NF|AACR|RFC"
)
_STANDARD = re.compile(
    rf"(?<![A-Za-z])(?:"
    rf"(?P<group>T)\s*{_SLASH}\s*(?P<body>[A-Z]{{2,10}})"
    rf"|(?P<firm>Q)\s*/\s*(?P<owner>[A-Z0-9]{{2,10}})(?=\s)"
    rf"|(?P<code>GBZ|GJB|GB|DB\s?\d{{2,4}}|{_SECTORS})"
    rf"(?:\s*(?:{_SLASH}|{_DASH}(?=\s?[TZ]\s?\d))?\s*(?P<kind>[TZ])(?![A-Z]))?"
    rf"|(?P<foreign>{_FOREIGN})"
    rf")[\s_]*(?P<number>[A-Z]?\d{{1,6}}(?:\.\d{{1,3}})*)(?![\d.]*\d)"
    rf"(?P<part>(?(foreign)(?:{_DASH}\d{{1,3}}(?![\d.]))*))"
    rf"(?:\s*(?P<mark>{_DASH}{{1,2}}|:)\s*(?P<year>(?:19|20)\d{{2}}|\d{{2}})(?![\d.]*\d)"
    rf"|\s+(?P<spaced>(?:19|20)\d{{2}})(?!\w))?",
    re.IGNORECASE,
)


def standard_numbers_in(text: str) -> list[tuple[int, int, str]]:
    """Every standard number in ``text`` as (start, end, value), the value in the official spelling.

    >>> standard_numbers_in("参见ＧＢ／Ｔ 7714—2015和gbt7714-2005")
    [(2, 16, 'GB/T 7714-2015'), (17, 29, 'GB/T 7714-2005')]
    >>> [standard_number(one) for one in ("GB 7714-87", "ISO/IEC 80000-13:2008", "T/CSTM 00017—2016")]
    ['GB 7714-1987', 'ISO/IEC 80000-13:2008', 'T/CSTM 00017-2016']
    """
    narrow = "".join(_narrow(character) for character in text)
    return [(match.start(), match.end(), _standard_value(match)) for match in _STANDARD.finditer(narrow)]


def _narrow(character: str) -> str:
    narrowed = unicodedata.normalize("NFKC", character)
    return narrowed if len(narrowed) == 1 else character


def _standard_value(match: re.Match[str]) -> str:
    number, year = match["number"].upper(), match["year"] or match["spaced"]
    if match["foreign"]:
        prefix = re.sub(r"\s*/\s*", "/", re.sub(r"\s+", " ", match["foreign"].upper()))
        part = re.sub(_DASH, "-", match["part"] or "")
        return f"{prefix} {number}{part}" + (f"{':' if match['mark'] == ':' else '-'}{year}" if year else "")
    if match["group"] or match["firm"]:
        prefix = f"T/{match['body'].upper()}" if match["group"] else f"Q/{match['owner'].upper()}"
    else:
        prefix = match["code"].upper().replace(" ", "") + (f"/{match['kind'].upper()}" if match["kind"] else "")
    # Until 1995 numbers were given two digits of the year: GB 7714-87 is GB 7714-1987.
    return f"{prefix} {number}" + (f"-{'19' if len(year) == 2 else ''}{year}" if year else "")


def standard_number(text: str) -> str | None:
    """The standard number that ``text`` as a whole is, or None."""
    stripped = text.strip()
    found = standard_numbers_in(stripped)
    return found[0][2] if len(found) == 1 and found[0][:2] == (0, len(stripped)) else None


def call_number_key(text: str) -> str:
    """Comparison form of a call number: width, case and spaces do not count.

    >>> call_number_key("ｇ258.22 / 31")
    'G258.22/31'
    """
    return re.sub(r"\s+", "", unicodedata.normalize("NFKC", text)).upper()


def year_in(text: str) -> int | None:
    """The first plausible year of a date as printed: ``2011.6``, ``c1994``, ``民國 89 [2000]``, ``[19--]`` (None)."""
    found = re.findall(r"(?<!\d)(1[4-9]\d\d|20\d\d)(?!\d)", unicodedata.normalize("NFKC", text))
    return int(found[0]) if found else None
