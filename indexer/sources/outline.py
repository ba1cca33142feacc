"""A document in the making: one text, and blocks over it that remember heading path, page and clause number.

Whatever the file format, the same rules find headings and clauses in plain lines: 第三章 总则, 第十二条 …,
4.3 试验方法, A.1 …, 一、…; so a citation can say where it stands.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from indexer.records import Block

MOST_CHARACTERS = 5_000_000

_COUNT = "〇零一二三四五六七八九十百千\\d"
_PART = re.compile(rf"第[{_COUNT}]+(?P<unit>[编篇章节])(?![{_COUNT}])")
_ARTICLE = re.compile(rf"第[{_COUNT}]+条(?:之[一二三四五六七八九十]+)?(?![款项第约件])")
_DOTTED = re.compile(r"(?:\d{1,2}|[A-Z])(?:\.\d{1,3}){1,5}(?![\d.％%])(?=\s|[\u3400-\u9fff（(《“]|$)")
_SINGLE = re.compile(r"(\d{1,2})(?=[\s.、]+[\u3400-\u9fffA-Z])(?!\.\d)")
_APPENDIX = re.compile(
    r"(?:附录|附件|Appendix|Annex)\s*[A-Z\d一二三四五六七八九十]{0,3}(?=[\s（(:：]|$)", re.IGNORECASE
)
_ORDINAL = re.compile(r"[一二三四五六七八九十]{1,3}、")
_FRAME = re.compile(r"(?:前\s*言|引\s*言|序\s*言|参\s*考\s*文\s*献|索\s*引)$")
_LEADER = re.compile(r"(?:[.．·…‥_]\s?){4,}\s*[\dIVXivx]{1,5}$")
"""A line of a table of contents: dots, then a page number."""
_UNIT = re.compile(r"\s*(?:mm|cm|kg|g|m|h|s|min|年|月|日|元|个|册|页|人|万|亿|%|℃|点|时|分)", re.IGNORECASE)
_MEASURE = re.compile(_UNIT.pattern + r"(?![\u3400-\u9fff])|\s*[万亿]", re.IGNORECASE)
_LEVELS = {"编": 2, "篇": 2, "章": 3, "节": 4}
_LONGEST_HEADING = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """What the start of a line says: the clause number (empty for a chapter), and the level if it is a heading."""

    clause: str
    level: int


def mark_of(line: str) -> Mark | None:
    """The number that a line begins with, when it is one of a chapter, an article or a clause.

    >>> mark_of("第十二条 读者凭证入馆。").clause, mark_of("4.3.2 强度").clause, mark_of("2011 年成立")
    ('第十二条', '4.3.2', None)
    """
    plain = unicodedata.normalize("NFKC", line[:120]).lstrip()
    if _FRAME.match(plain):
        return Mark(clause="", level=3)
    if article := _ARTICLE.match(plain):
        return Mark(clause=article[0], level=5)
    if part := _PART.match(plain):
        return Mark(clause="", level=_LEVELS[part["unit"]])
    if (dotted := _DOTTED.match(plain)) and not _MEASURE.match(plain, dotted.end()):
        return Mark(clause=dotted[0], level=3 + dotted[0].count("."))
    if appendix := _APPENDIX.match(plain):
        return Mark(clause="".join(appendix[0].split()), level=3)
    if (single := _SINGLE.match(plain)) and not _UNIT.match(plain, single.end()) and title_like(plain):
        return Mark(clause=single[1], level=3)
    if _ORDINAL.match(plain) and title_like(plain):
        return Mark(clause="", level=4)
    return None


def title_like(line: str) -> bool:
    """Is it short, and no sentence?"""
    plain = line.strip()
    return 0 < len(plain) <= _LONGEST_HEADING and not re.search(r"[。；！？!?;，,：:…]$|[。；]", plain)


class Outline:
    """Gathers headings, paragraphs and tables in reading order."""

    def __init__(self) -> None:
        self._text: list[str] = []
        self._length = 0
        self._headings: list[tuple[int, str]] = []
        self._clause = ""
        self._fresh = False
        self.first_heading = ""
        self.cut = False
        self.blocks: list[Block] = []

    @property
    def text(self) -> str:
        return "".join(self._text)

    def heading(self, level: int, text: str, *, page: int | None = None) -> None:
        """A heading: it is part of the text, too, and what follows stands under it."""
        plain = tidy(text).replace("\n", " ")
        if not plain:
            return
        above = next((i for i, (own, _) in enumerate(self._headings) if own >= level), len(self._headings))
        del self._headings[above:]
        self._headings.append((level, plain[:200]))
        self.first_heading = self.first_heading or plain
        mark = mark_of(plain)
        self._clause = mark.clause if mark else ""
        self._fresh = True
        self._add(plain, page)

    def line(self, text: str, *, page: int | None = None) -> None:
        """A paragraph of a text without styles: a heading, when its number and its shape say so; a line of a table of
        contents is neither."""
        if _LEADER.search(text.rstrip()):
            return
        mark = mark_of(text)
        if mark and title_like(text) and (mark.level < 5 or mark.clause[:1] != "第"):
            self.heading(mark.level, text, page=page)
        else:
            self.paragraph(text, page=page)

    def paragraph(self, text: str, *, page: int | None = None) -> None:
        """A paragraph; one that begins with a clause number begins that clause."""
        plain = tidy(text)
        if not plain:
            return
        mark = mark_of(plain)
        if mark and mark.clause and not mark.clause.isdigit():
            self._clause, self._fresh = mark.clause, True
        self._add(plain, page)

    def table(self, rows: Sequence[Sequence[str]], *, header: bool | None = None, page: int | None = None) -> None:
        """A table, a row a line; with a header each cell is told with its column's name. None: find out."""
        for row in readable_rows(rows, header):
            self._add(row, page)

    def _add(self, text: str, page: int | None) -> None:
        if self._length > MOST_CHARACTERS:
            self.cut = True
            return
        start = self._length
        self._text.append(text + "\n")
        self._length += len(text) + 1
        headings = tuple(title for _, title in self._headings)
        last = self.blocks[-1] if self.blocks else None
        if last and not self._fresh and (last.headings, last.page, last.clause) == (headings, page, self._clause):
            start = last.start
            self.blocks.pop()
        self._fresh = False
        self.blocks.append(Block(start=start, end=self._length, headings=headings, page=page, clause=self._clause))


def tidy(text: str) -> str:
    """Without control characters and doubled spaces; radicals that fonts put for characters become these."""
    visible = "".join(" " if c in "\t\x0b\x0c" else c for c in text if c in "\n\t" or unicodedata.category(c) != "Cc")
    if any("\u2e80" <= c <= "\u2fdf" for c in visible):
        visible = "".join(unicodedata.normalize("NFKC", c) if "\u2e80" <= c <= "\u2fdf" else c for c in visible)
    return re.sub(r"[ \u00a0\u3000\u200b\ufeff]+", " ", re.sub(r"\s*\n\s*", "\n", visible)).strip()


def readable_rows(rows: Sequence[Sequence[str]], header: bool | None) -> list[str]:
    """The rows as lines: ``名称：甲 | 规格：5 mm`` under a header, ``甲 | 5 mm`` without.

    >>> readable_rows([["名称", "规格"], ["甲", "5 mm"]], True)
    ['名称 | 规格', '名称：甲 | 规格：5 mm']
    """
    plain = [[" ".join(tidy(cell).split()) for cell in row] for row in rows]
    plain = [row for row in plain if any(row)]
    if not plain:
        return []
    if header is None:
        header = _has_header(plain)
    lines = [" | ".join(cell for cell in _unrepeated(plain[0]) if cell)]
    names = plain[0] if header else []
    for row in plain[1:]:
        cells = [
            f"{names[place]}：{cell}" if place < len(names) and names[place] and names[place] != cell else cell
            for place, cell in enumerate(_unrepeated(row))
            if cell
        ]
        lines.append(" | ".join(cells))
    return lines


def _unrepeated(row: Sequence[str]) -> list[str]:
    """A cell that spans columns comes once."""
    return [cell if place == 0 or cell != row[place - 1] or len(cell) < 3 else "" for place, cell in enumerate(row)]


def _has_header(rows: Sequence[Sequence[str]]) -> bool:
    """Three columns or more, names without figures in the first row, and rows below it."""
    first = rows[0]
    names = all(cell and len(cell) <= 20 and not re.search(r"\d", cell) for cell in first)
    return len(rows) > 1 and len(first) >= 3 and names and len(set(first)) == len(first)
