"""From lines with places to paragraphs, headings and tables: pure, the same for text and for recognised pages."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from indexer.sources.outline import Outline, mark_of, title_like

ZONE = 0.11
"""Share of the page's height at its top and bottom where running heads and page numbers stand."""
_NUMBER = re.compile(
    r"[-—–·•\s]*(?:第\s*)?(?:\d{1,4}|[IVXLivxl]{1,6})(?:\s*页)?(?:\s*[,，/]?\s*(?:共|of)?\s*\d{1,4}\s*(?:页)?)?[-—–·•\s]*",
)
_ENDS = re.compile(r"[。！？；：.!?;:”」』）)】》]$")
_BULLET = re.compile(r"[●○■□◆•·▪※*—–-]|[（(]?(?:\d{1,2}|[一二三四五六七八九十a-zA-Z]{1,3})[）)、]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line with its box from the top left corner of the page; a tab in its text is a wide gap."""

    text: str
    left: float
    top: float
    right: float
    bottom: float
    size: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A ruled table with its box."""

    left: float
    top: float
    right: float
    bottom: float
    rows: tuple[tuple[str, ...], ...]

    def holds(self, line: Line) -> bool:
        middle = (line.top + line.bottom) / 2
        return self.top - 2 <= middle <= self.bottom + 2 and line.left < self.right and line.right > self.left


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    number: int
    width: float
    height: float
    lines: tuple[Line, ...]
    tables: tuple[Table, ...] = ()
    recognised: bool = False


def lay_out(pages: Sequence[Page], outline: Outline) -> None:
    """Add every page to the outline, without running heads, running feet and page numbers."""
    repeated = running_lines(pages)
    size = _body_size(pages)
    for page in pages:
        lines = [line for line in page.lines if not _runs(line, page, repeated)]
        _page(page, in_reading_order(lines, page.width) if page.recognised else lines, size, outline)


def running_lines(pages: Sequence[Page]) -> frozenset[str]:
    """Lines at the top or bottom that come on many pages, whatever the figures in them."""
    counts = Counter(
        key for page in pages for key in {_shape(line.text) for line in page.lines if _in_zone(line, page)}
    )
    enough = max(2, min(len(pages), len(pages) // 4 + 1))
    return frozenset(key for key, count in counts.items() if count >= enough and len(pages) > 1)


def _shape(text: str) -> str:
    return re.sub(r"\s+", "", re.sub(r"\d+", "#", text))


def _in_zone(line: Line, page: Page) -> bool:
    return line.bottom < page.height * ZONE or line.top > page.height * (1 - ZONE)


def _runs(line: Line, page: Page, repeated: frozenset[str]) -> bool:
    if not _in_zone(line, page):
        return False
    return _shape(line.text) in repeated or _NUMBER.fullmatch(line.text) is not None


def _body_size(pages: Sequence[Page]) -> float:
    """The size that most characters have."""
    sizes: Counter[float] = Counter()
    for page in pages:
        for line in page.lines:
            sizes[round(line.size)] += len(line.text)
    return sizes.most_common(1)[0][0] if sizes else 0.0


def in_reading_order(lines: Sequence[Line], width: float) -> list[Line]:
    """Recognised lines: columns one after the other, between lines that span them."""
    middle = width / 2
    lines = [replace(line, text=recognised_text(line.text)) for line in lines]
    ordered: list[Line] = []
    left: list[Line] = []
    right: list[Line] = []
    for line in sorted(lines, key=lambda one: (one.top, one.left)):
        if line.right <= middle + 4:
            left.append(line)
        elif line.left >= middle - 4 or _beside(line, left):
            right.append(line)
        else:
            ordered += _columns(left, right)
            left, right = [], []
            ordered.append(line)
    return ordered + _columns(left, right)


def _beside(line: Line, others: Sequence[Line]) -> bool:
    """Does it stand at the height of one of the last of the others?"""
    return any(one.top < (line.top + line.bottom) / 2 < one.bottom for one in others[-3:])


def _columns(left: list[Line], right: list[Line]) -> list[Line]:
    """Two columns of running text one after the other; otherwise what stands side by side is a row with wide gaps."""
    running = [line for line in (*left, *right) if len(line.text) >= 12]
    if len(left) >= 4 and len(right) >= 4 and len(running) * 2 >= len(left) + len(right):
        return left + right
    return _rows([*left, *right])


def _rows(lines: list[Line]) -> list[Line]:
    """Lines at one height as one line, a tab between them."""
    rows: list[list[Line]] = []
    for line in sorted(lines, key=lambda one: one.top):
        middle = (line.top + line.bottom) / 2
        if rows and rows[-1][0].top < middle < rows[-1][0].bottom:
            rows[-1].append(line)
        else:
            rows.append([line])
    return [_side_by_side(sorted(row, key=lambda one: one.left)) for row in rows]


def _side_by_side(row: list[Line]) -> Line:
    return Line(
        text="\t".join(line.text for line in row),
        left=row[0].left,
        top=min(line.top for line in row),
        right=max(line.right for line in row),
        bottom=max(line.bottom for line in row),
        size=row[0].size,
    )


_RUN_TOGETHER = re.compile(
    r"^(\d{1,2}(?:\.\d{1,3}){0,4})(?=[\u4e00-\u9fff])(?![册天元年月日个人次条件页时分万亿号楼层室份本位])"
)


def recognised_text(text: str) -> str:
    """A recognised line; the space that recognition loses between a clause number and its title is put back.

    >>> recognised_text("4.3强度"), recognised_text("10册")
    ('4.3 强度', '10册')
    """
    return _RUN_TOGETHER.sub(r"\1 ", text) if title_like(text) else text


def _page(page: Page, lines: Sequence[Line], size: float, outline: Outline) -> None:
    told: set[int] = set()
    waiting: list[Line] = []
    for line in lines:
        place = next((n for n, table in enumerate(page.tables) if table.holds(line)), None)
        if place is None:
            waiting.append(line)
        elif place not in told:
            told.add(place)
            _paragraphs(waiting, size, page, outline)
            waiting = []
            outline.table(page.tables[place].rows, page=page.number)
    _paragraphs(waiting, size, page, outline)


def _paragraphs(lines: Sequence[Line], size: float, page: Page, outline: Outline) -> None:
    number, recognised = page.number, page.recognised
    for group in _groups(lines):
        if len(group) > 1 and all("\t" in line.text for line in group):
            outline.table([line.text.split("\t") for line in group], page=number)
            continue
        for paragraph in _joined(group, size):
            text = _glued(paragraph, page.width)
            mark = mark_of(text)
            larger = size > 0 and min(line.size for line in paragraph) >= (1.8 if recognised else 1.15) * size
            if larger and len(paragraph) <= 3 and title_like(text) and not (mark and mark.clause):
                level = mark.level if mark else 1 if paragraph[0].size >= 1.45 * size else 2
                outline.heading(level, text, page=number)
            else:
                outline.line(text, page=number)


def _groups(lines: Sequence[Line]) -> Iterator[list[Line]]:
    """Runs of lines with the same number of wide gaps (rows of a table without rules), and runs without."""
    group: list[Line] = []
    for line in lines:
        if group and line.text.count("\t") != group[-1].text.count("\t"):
            yield group
            group = []
        group.append(line)
    if group:
        yield group


def _joined(lines: Sequence[Line], size: float) -> Iterator[list[Line]]:
    """Lines of one paragraph: the former is as wide as its neighbours and ends no sentence, the next begins nothing.
    Large lines one below the other are one title."""
    open_lines: list[Line] = []
    for place, line in enumerate(lines):
        around = lines[max(0, place - 3) : place + 3]
        if open_lines and not (_continues(open_lines[-1], line, around) or _same_title(open_lines[-1], line, size)):
            yield open_lines
            open_lines = []
        open_lines.append(line)
    if open_lines:
        yield open_lines


def _same_title(former: Line, line: Line, size: float) -> bool:
    """Are both lines of one title, set larger than the body in one size, in the middle of the page?"""
    if min(former.size, line.size) < 1.4 * size or abs(former.size - line.size) > 0.05 * former.size:
        return False
    centred = abs((former.left + former.right) - (line.left + line.right)) < 4 * line.size
    near = line.top - former.bottom < 0.8 * line.size and line.top > former.top
    return centred and near and title_like(former.text) and not mark_of(line.text) and not mark_of(former.text)


def _continues(former: Line, line: Line, around: Sequence[Line]) -> bool:
    if mark_of(line.text) or _BULLET.match(line.text) or abs(former.size - line.size) > 0.15 * former.size:
        return False
    if line.top - former.bottom > 1.6 * former.size:
        return False
    if title_like(former.text) and mark_of(former.text) and len(former.text) < 20:
        return False
    widest = max(one.right - one.left for one in around)
    nearly = former.right - former.left >= 0.78 * widest
    indented = line.left - former.left > 1.5 * line.size and line.top > former.top
    if _ENDS.search(former.text):
        comma_like = former.text[-1] in "”」』）)】》"
        return comma_like and nearly and not indented and former.right - former.left >= 0.95 * widest
    return nearly and not (indented and former.right - former.left < 0.95 * widest)


def _glued(lines: Sequence[Line], width: float) -> str:
    """Lines as one text. After a line much shorter than the page (the first of a title in two parts) comes a space."""
    whole, short = "", False
    for line in lines:
        text = line.text.replace("\t", " ").strip()
        words = whole and text and whole[-1].isascii() and text[0].isascii() and whole[-1] != "-"
        whole += (" " if words or (whole and short) else "") + text
        short = line.right - line.left < 0.38 * width
    return whole
