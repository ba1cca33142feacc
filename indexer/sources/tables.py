"""CSV and XLSX: one record or document a row, columns told by their headings or by a column map."""

from __future__ import annotations

import csv
import io
import itertools
import zipfile
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO
from xml.etree.ElementTree import ParseError

import openpyxl
from lxml import etree
from openpyxl.utils.exceptions import InvalidFileException

from indexer.sources.archives import guard_size
from indexer.sources.encoding import decode_line, detect
from indexer.sources.jsonl import LineError
from indexer.sources.table_columns import check_map, field_of, fields_of, joined_headings, kind_of
from indexer.sources.table_rows import RowReader, cell_text
from indexer.sources.values import Noticed, Outcomes, Read, Skipped, SourceError
from indexer.sources.web_page import decode_page, parsed, table_rows

_SAMPLE = 256 * 1024
_LONGEST_LINE = 8 * 1024 * 1024
"""Characters of a line, and of a cell."""
LARGEST_HTML = 64 * 1024 * 1024
_LONGEST_ROW = 500
"""Lines that one row may have (line breaks in quoted cells); more means that a quote was never closed."""
_HEADINGS_WITHIN = 30
"""Rows in which the headings must come; titles of the list and blank rows may stand before them."""
_BROKEN = (ValueError, KeyError, TypeError, IndexError, AttributeError, OSError, EOFError, ParseError, etree.LxmlError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """Cells with their place; or ``problem``, why the row cannot be read. ``shifts``: an extra cell means that the
    others stand in the wrong column, too."""

    place: str
    cells: tuple[str, ...] = ()
    problem: str = ""
    remark: str = ""
    shifts: bool = False


def read_csv(file: BinaryIO, *, columns: Mapping[str, str] | None = None, kind: str | None = None) -> Outcomes:
    """Rows of a CSV or TSV file. The separator is the one under which most headings are known.

    :raises SourceError: when no column can be taken for a title.
    """
    sample = file.read(_SAMPLE)
    file.seek(0)
    codec, why = detect(sample)
    text = io.TextIOWrapper(file, encoding=codec, errors="surrogateescape", newline="")
    csv.field_size_limit(_LONGEST_LINE)
    separator = _separator(sample.decode(codec, errors="replace"), columns or {})
    rows = _csv_rows(_lines(text, codec), separator)
    try:
        yield from _outcomes(rows, columns=columns, kind=kind, encoding=codec.removesuffix("-sig"), note=why)
    finally:
        text.detach()


def _separator(sample: str, columns: Mapping[str, str]) -> str:
    """The mark under which the first rows hold most known headings; the most frequent one when they hold none."""
    lines = [line[:10_000] for line in sample.splitlines()[:_HEADINGS_WITHIN]]
    if lines and lines[0].lower().startswith("sep=") and len(lines[0]) == 5:
        return lines[0][4]

    def score(mark: str) -> tuple[int, int]:
        known = (
            sum(field_of(cell.strip(), columns) is not None for cell in row)
            for row in csv.reader(lines, delimiter=mark)
        )
        return max(known, default=0), lines[0].count(mark) if lines else 0

    return max(",\t;|，", key=score)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    number: int
    text: str
    problem: str = ""
    remark: str = ""


def _lines(text: io.TextIOWrapper, codec: str) -> Iterator[_Line]:
    """Numbered lines; one in another encoding than the rest is read in its own, one without end is not kept."""
    for number in itertools.count(1):
        line = text.readline(_LONGEST_LINE)
        if not line:
            return
        if len(line) >= _LONGEST_LINE and not line.endswith(("\n", "\r")):
            while line and not line.endswith(("\n", "\r")):
                line = text.readline(1 << 20)
            yield _Line(number=number, text="", problem=f"超过 {_LONGEST_LINE // 1024 // 1024} MB 的行")
            continue
        remark = ""
        if any("\udc80" <= character <= "\udcff" for character in line):
            line, other = decode_line(line.encode(codec, "surrogateescape"))
            remark = f"这一行的字节不合 {codec}，按 {other} 读取"
        yield _Line(number=number, text=line.replace("\x00", ""), remark=remark)


class _UnclosedError(Exception):
    """A quote was opened and not closed."""


def _csv_rows(lines: Iterator[_Line], separator: str) -> Iterator[Row]:
    """Rows; a quote that is never closed costs its own line, not the rest of the file."""
    waiting: deque[_Line] = deque()
    first = True
    while True:
        taken: list[_Line] = []
        try:
            cells = _one_row(_feed(waiting, lines, taken), separator)
        except (_UnclosedError, csv.Error) as error:
            waiting.extendleft(reversed(taken[1:]))
            reason = "引号没有配对" if isinstance(error, _UnclosedError) else f"CSV 语法错误（{error}）"
            yield Row(place=f"第 {taken[0].number} 行", problem=reason)
            continue
        if cells is None:
            if not taken:
                return
            yield Row(place=f"第 {taken[0].number} 行", problem=taken[0].problem)
        elif not (first and taken[0].text.lower().startswith("sep=")):
            remark = next((line.remark for line in taken if line.remark), "")
            yield Row(place=f"第 {taken[0].number} 行", cells=tuple(map(cell_text, cells)), remark=remark, shifts=True)
        first = False


def _feed(waiting: deque[_Line], lines: Iterator[_Line], taken: list[_Line]) -> Iterator[str]:
    while True:
        line = waiting.popleft() if waiting else next(lines, None)
        if line is None:
            if len(taken) > 0:
                raise _UnclosedError
            return
        taken.append(line)
        if line.problem:
            if len(taken) > 1:
                raise _UnclosedError
            return
        if len(taken) > _LONGEST_ROW:
            raise _UnclosedError
        yield line.text


def _one_row(texts: Iterable[str], separator: str) -> list[str] | None:
    """The next row; None at the end, or when its line could not be read."""
    return next(csv.reader(texts, delimiter=separator), None)


def read_xlsx(path: Path, *, columns: Mapping[str, str] | None = None, kind: str | None = None) -> Outcomes:
    """Rows of every visible sheet that has a column of titles, streamed.

    :raises SourceError: when it is no workbook, unpacks to more than is sane, or no sheet has one.
    """
    try:
        guard_size(path)
        formulas = _has_formulas(path)
        books = [openpyxl.load_workbook(path, read_only=True, data_only=True)]
        if formulas:
            books.append(openpyxl.load_workbook(path, read_only=True, data_only=False))
    except (zipfile.BadZipFile, InvalidFileException, NotImplementedError, RuntimeError, *_BROKEN) as error:
        raise SourceError(f"{path.name}: 不是可读的 XLSX（{error}）") from error
    try:
        yield from _sheets(books, columns=columns, kind=kind)
    finally:
        for book in books:
            book.close()


def read_html(path: Path, *, columns: Mapping[str, str] | None = None, kind: str | None = None) -> Outcomes:
    """Rows of the tables of an HTML file, which many systems export under the name ``.xls``.

    :raises SourceError: when it is too large, or no column can be taken for a title.
    """
    if path.stat().st_size > LARGEST_HTML:
        raise SourceError(f"{path.name}: 超过 {LARGEST_HTML // 1024 // 1024} MB")
    text, encoding, why = decode_page(path.read_bytes())
    tree = parsed(text)
    cells = (row for table in tree.iter("table") for row in table_rows(table)) if tree is not None else iter(())
    rows = (Row(place=f"第 {number} 行", cells=tuple(map(cell_text, row))) for number, row in enumerate(cells, start=1))
    yield from _outcomes(rows, columns=columns, kind=kind, encoding=encoding, note=why)


def _has_formulas(path: Path) -> bool:
    """Does any sheet hold a formula? Then the file is read twice: values, and whether they are computed ones."""
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            if not name.startswith("xl/worksheets/"):
                continue
            with archive.open(name) as sheet:
                tail = b""
                while chunk := sheet.read(1 << 20):
                    if b"<f>" in tail + chunk or b"<f " in tail + chunk:
                        return True
                    tail = chunk[-4:]
    return False


def _sheets(books: Sequence[Any], *, columns: Mapping[str, str] | None, kind: str | None) -> Outcomes:
    refused: list[tuple[str, str]] = []
    read = 0
    for sheet in books[0].worksheets:
        if sheet.sheet_state != "visible":
            yield Noticed(place=f"工作表“{sheet.title}”", remark="隐藏的工作表，没有读取")
            continue
        rows = _sheet_rows(sheet, books[1][sheet.title] if len(books) > 1 else None)
        try:
            for outcome in _outcomes(rows, columns=columns, kind=kind, encoding="XLSX", note="由文件格式规定"):
                read += isinstance(outcome, Read | Skipped)
                yield outcome
        except SourceError as error:
            refused.append((f"工作表“{sheet.title}”", str(error)))
        except _BROKEN as error:
            yield Skipped(place=f"工作表“{sheet.title}”", reason=f"工作表损坏：{error}", cut=True)
    if refused and not read:
        raise SourceError("；".join(f"{place}：{reason}" for place, reason in refused))
    for place, reason in refused:
        yield Noticed(place=place, remark=f"没有读取：{reason}")


def _sheet_rows(sheet: Any, formulas: Any) -> Iterator[Row]:
    sheet.reset_dimensions()
    pairs: Iterable[tuple[Any, Any]] = zip(sheet.iter_rows(values_only=True), itertools.repeat(()), strict=False)
    if formulas is not None:
        formulas.reset_dimensions()
        pairs = zip(sheet.iter_rows(values_only=True), formulas.iter_rows(values_only=True), strict=False)
    for number, (values, written) in enumerate(pairs, start=1):
        told = [_computed(value, formula) for value, formula in itertools.zip_longest(values, written)]
        lost = sum(value is _LOST for value in told)
        values = [None if value is _LOST else value for value in told]
        remark = f"有 {lost} 格是公式而没有保存计算结果，按空处理" if lost else ""
        yield Row(place=f"工作表“{sheet.title}”第 {number} 行", cells=tuple(map(cell_text, values)), remark=remark)


_LOST = object()


def _computed(value: Any, written: Any) -> Any:
    """The value of a cell; of a formula that was never computed the text in it, when it is nothing but a text."""
    if value is not None or not (isinstance(written, str) and written.startswith("=")):
        return value
    return written if written.startswith('="') and written.endswith('"') and "&" not in written else _LOST


def _outcomes(
    rows: Iterator[Row], *, columns: Mapping[str, str] | None, kind: str | None, encoding: str, note: str
) -> Outcomes:
    """:raises SourceError: when no row of headings comes, or the column map does not fit them."""
    headings, rows = _find_headings(rows, columns or {})
    if headings is None:
        return
    fields = fields_of(headings, columns or {}) or []
    reader = RowReader(fields=fields, headings=headings, kind=kind or kind_of(fields))
    for row in rows:
        if row.problem:
            yield Skipped(place=row.place, reason=row.problem)
        elif any(row.cells) and tuple(row.cells[: len(headings)]) != tuple(headings):
            yield from _row_outcome(row, reader, encoding, note)


def _find_headings(rows: Iterator[Row], columns: Mapping[str, str]) -> tuple[list[str] | None, Iterator[Row]]:
    """The headings (None in an empty table), and the rows after them."""
    met: list[str] = []
    for row in itertools.islice(rows, _HEADINGS_WITHIN):
        if fields_of(row.cells, columns) is not None:
            following = next(rows, None)
            joined = joined_headings(row.cells, following.cells, columns) if following else None
            headings = _trimmed(joined or list(row.cells))
            check_map(columns, [*headings, *row.cells])
            return headings, rows if joined or following is None else itertools.chain([following], rows)
        met += [cell for cell in row.cells if cell]
    if not met:
        return None, rows
    check_map(columns, met)
    raise SourceError(f"没有可以作为题名的列（可用 --columns 指明）；前几行是：{'、'.join(met[:12])[:200]}")


def _trimmed(cells: list[str]) -> list[str]:
    while cells and not cells[-1]:
        cells.pop()
    return cells


def _row_outcome(row: Row, reader: RowReader, encoding: str, note: str) -> Outcomes:
    extra = [cell for cell in row.cells[len(reader.fields) :] if cell]
    if extra and row.shifts:
        reason = f"有 {len(row.cells)} 格，表头只有 {len(reader.fields)} 格（可能有没加引号的分隔符）"
        yield Skipped(place=row.place, reason=reason)
        return
    try:
        thing = reader.read(row.cells)
    except LineError as error:
        yield Skipped(place=row.place, reason=str(error))
        return
    remarks = [row.remark, *reader.remarks]
    if row.shifts and len(row.cells) < len(reader.fields):
        remarks.append(f"只有 {len(row.cells)} 格，表头有 {len(reader.fields)} 格，缺的按空处理")
    if extra:
        remarks.append(f"表头之外还有 {len(extra)} 格，没有采用")
    for remark in filter(None, remarks):
        yield Noticed(place=row.place, remark=remark)
    yield Read(thing=thing, place=row.place, encoding=encoding, note=note)
