"""JSONL, CSV and XLSX: one document (or record) a line, wrong lines reported with their number and skipped."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import openpyxl
from openpyxl.utils.exceptions import InvalidFileException

from indexer.normalise import isbn13, issn, standard_number, standard_numbers_in, year_in
from indexer.records import KINDS, Classification, Contributor, Document, Holding, Identifier, Kind, Record
from indexer.sources.values import Outcomes, Read, Skipped, SourceError

MAX_TEXT = 2_000_000

# Column names as libraries write them, for CSV and XLSX without a column map.
COLUMNS = {
    "id": ("id", "编号", "序号", "控制号", "记录号"),
    "title": ("title", "题名", "标题", "名称", "书名", "标准名称", "中文名称"),
    "text": ("text", "正文", "内容", "全文", "摘要", "答案", "abstract", "content", "answer"),
    "date": ("date", "日期", "发布日期", "出版日期", "issue_date"),
    "url": ("url", "链接", "网址"),
    "number": ("number", "标准号", "standard_number"),
    "status": ("status", "状态"),
    "effective_date": ("effective_date", "实施日期"),
    "replaces": ("replaces", "代替标准", "代替"),
    "replaced_by": ("replaced_by", "被代替", "替代标准"),
    "creators": ("creators", "creator", "author", "责任者", "作者", "著者"),
    "publisher": ("publisher", "出版社", "出版者"),
    "isbn": ("isbn", "ISBN"),
    "issn": ("issn", "ISSN"),
    "call_number": ("call_number", "索书号"),
    "classification": ("classification", "分类号", "中图分类号"),
    "subjects": ("subjects", "keywords", "主题词", "关键词"),
    "language": ("language", "语种", "语言"),
    "location": ("location", "馆藏地", "馆藏地点"),
    "barcode": ("barcode", "条码", "条码号"),
}


def read_jsonl(path: Path, *, kind: Kind) -> Outcomes:
    """JSON objects, one a line: ``id``, ``title``, ``text``, and optionally kind, date, url, language, metadata."""
    with path.open("rb") as file:
        for number, raw in enumerate(_bounded_lines(file), start=1):
            place = f"第 {number} 行"
            if raw is None:
                yield Skipped(place=place, reason=f"超过 {MAX_TEXT} 字节")
                continue
            if not raw.strip():
                continue
            try:
                yield Read(thing=document_of(_object(raw), kind=kind), place=place, encoding="utf-8", note="JSON")
            except ValueError as error:
                yield Skipped(place=place, reason=str(error))


def _bounded_lines(file: io.BufferedReader) -> Iterator[bytes | None]:
    """Lines; None for one that is too long, of which no more than a piece was ever in memory."""
    while line := file.readline(MAX_TEXT * 4):
        if line.endswith(b"\n") or len(line) < MAX_TEXT * 4:
            yield line
            continue
        while (rest := file.readline(1 << 20)) and not rest.endswith(b"\n"):
            pass
        yield None


def _object(raw: bytes) -> dict[str, Any]:
    try:
        value = json.loads(raw.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise ValueError(f"不是 UTF-8（第 {error.start} 字节）") from error
    except json.JSONDecodeError as error:
        raise ValueError(f"不是 JSON（第 {error.pos + 1} 个字符：{error.msg}）") from error
    except RecursionError as error:
        raise ValueError("JSON 嵌套过深") from error
    if not isinstance(value, dict):
        raise ValueError("不是 JSON 对象")
    return value


def document_of(row: Mapping[str, Any], *, kind: Kind) -> Document:
    """A document from a JSON object.

    :raises ValueError: naming the field that is missing or of the wrong type.
    """
    source_id = row.get("id")
    if isinstance(source_id, int) and not isinstance(source_id, bool):
        source_id = str(source_id)
    title, text = row.get("title") or "", row.get("text") or ""
    for name, value in (("id", source_id), ("title", title), ("text", text)):
        if not isinstance(value, str):
            raise ValueError(f"{name} 缺失或不是字符串")
    if not source_id or not isinstance(source_id, str):
        raise ValueError("id 缺失")
    if len(source_id) > 500:
        raise ValueError("id 超过 500 个字符")
    if not title.strip() and not text.strip():
        raise ValueError("title 与 text 都为空")
    own_kind = row.get("kind") or kind
    if own_kind not in KINDS:
        raise ValueError(f"kind 未知：{str(own_kind)[:40]}")
    metadata = row.get("metadata") or {}
    if not isinstance(metadata, dict):
        raise ValueError("metadata 不是对象")
    shown = _storable(title.strip()) or _storable(text.strip())[:60]
    return Document(
        source_id=_storable(source_id),
        kind=own_kind,
        title=shown,
        text=_storable(text),
        date=_string(row, "date"),
        url=_string(row, "url"),
        language=_string(row, "language"),
        identifiers=_identifiers(own_kind, shown, {**row, **metadata}),
        metadata=metadata,
    )


def _storable(text: str) -> str:
    """Text that a database can keep: no NUL, no lone surrogates."""
    return text.replace("\x00", "").encode("utf-8", "ignore").decode("utf-8")


def _string(row: Mapping[str, Any], name: str) -> str:
    value = row.get(name)
    if value is None:
        return ""
    if not isinstance(value, str | int | float):
        raise ValueError(f"{name} 不是字符串")
    return _storable(str(value))[:2000]


def _identifiers(kind: str, title: str, row: Mapping[str, Any]) -> tuple[Identifier, ...]:
    found = []
    given = str(row.get("number") or row.get("standard_number") or "")
    if number := standard_number(given):
        found.append(Identifier(scheme="standard", value=number, display=given))
    elif kind == "standard":
        found += [
            Identifier(scheme="standard", value=value, display=title[start:end])
            for start, end, value in standard_numbers_in(title)[:1]
        ]
    if value := isbn13(str(row.get("isbn") or "")):
        found.append(Identifier(scheme="isbn", value=value, display=str(row["isbn"])))
    if value := issn(str(row.get("issn") or "")):
        found.append(Identifier(scheme="issn", value=value, display=str(row["issn"])))
    return tuple(found)


def read_csv(path: Path, *, kind: Kind, columns: Mapping[str, str] | None = None) -> Outcomes:
    """Rows of a CSV file in UTF-8 or GB18030, with a header row."""
    raw = path.read_bytes()[:1_000_000]
    encoding, note = (
        ("utf-8-sig", "字节是有效的 UTF-8") if _is_utf8(raw) else ("gb18030", "不是 UTF-8，按 GB18030 读取")
    )
    with path.open(encoding=encoding, errors="replace", newline="") as file:
        sample = file.read(20_000)
        file.seek(0)
        try:
            dialect: type[csv.Dialect] | csv.Dialect = csv.Sniffer().sniff(sample, ",\t;|")
        except csv.Error:
            dialect = csv.excel
        rows = csv.reader(file, dialect)
        try:
            yield from _rows(rows, name=path.name, kind=kind, columns=columns, encoding=encoding, note=note)
        except csv.Error as error:
            yield Skipped(place=f"第 {rows.line_num} 行", reason=f"CSV 无法继续读取：{error}")


def _is_utf8(raw: bytes) -> bool:
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError as error:
        return error.start > len(raw) - 4  # a character cut by the sample's end
    return True


def read_xlsx(path: Path, *, kind: Kind, columns: Mapping[str, str] | None = None) -> Outcomes:
    """Rows of every sheet of an XLSX file, each sheet with a header row."""
    try:
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
    except (InvalidFileException, KeyError, OSError, ValueError) as error:
        raise SourceError(f"{path.name}: 不是可读的 XLSX 文件：{error}") from error
    try:
        for sheet in book.worksheets:
            rows = ([_cell(value) for value in row] for row in sheet.iter_rows(values_only=True))
            yield from _rows(rows, name=sheet.title, kind=kind, columns=columns, encoding="xlsx", note="XLSX")
    finally:
        book.close()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if hasattr(value, "date") and hasattr(value, "isoformat"):
        return str(value.date().isoformat())
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _rows(
    rows: Iterator[list[str]], *, name: str, kind: Kind, columns: Mapping[str, str] | None, encoding: str, note: str
) -> Outcomes:
    header = next(rows, None)
    if header is None:
        return
    named = _named_columns(header, columns or {})
    if "title" not in named.values():
        raise SourceError(f"{name}: 表头里没有题名列（{'、'.join(header[:12])}）")
    for number, row in enumerate(rows, start=2):
        if not any(cell.strip() for cell in row):
            continue
        cells = {named[i]: value.strip() for i, value in enumerate(row) if i in named and value.strip()}
        extra = {
            header[i].strip(): v.strip() for i, v in enumerate(row) if i < len(header) and i not in named and v.strip()
        }
        place = f"{name} 第 {number} 行"
        try:
            thing = _table_record(cells, extra) if kind == "catalogue" else _table_document(cells, extra, kind)
            yield Read(thing=thing, place=place, encoding=encoding, note=note)
        except ValueError as error:
            yield Skipped(place=place, reason=str(error))


def _named_columns(header: list[str], columns: Mapping[str, str]) -> dict[int, str]:
    wanted = {alias.casefold(): name for name, aliases in COLUMNS.items() for alias in aliases}
    wanted |= {theirs.casefold(): ours for ours, theirs in columns.items()}
    named: dict[int, str] = {}
    for place, cell in enumerate(header):
        name = wanted.get(cell.strip().strip("\ufeff").casefold())
        if name and name not in named.values():
            named[place] = name
    return named


def _table_document(cells: Mapping[str, str], extra: Mapping[str, str], kind: Kind) -> Document:
    source_id = cells.get("id") or cells.get("number") or cells.get("title", "")
    metadata = {
        name: value for name, value in cells.items() if name not in ("id", "title", "text", "date", "url", "language")
    }
    title = cells.get("title", "")
    if number := cells.get("number"):
        title = title if number in title else f"{number} {title}"
    row = {**cells, "id": source_id, "title": title, "metadata": {**extra, **metadata}}
    row.setdefault("text", "；".join(f"{name}：{value}" for name, value in {**metadata, **extra}.items()))
    return document_of(row, kind=kind)


def _table_record(cells: Mapping[str, str], extra: Mapping[str, str]) -> Record:
    title = cells.get("title", "")
    if not title:
        raise ValueError("题名为空")
    identifiers = []
    if value := isbn13(cells.get("isbn", "")):
        identifiers.append(Identifier(scheme="isbn", value=value, display=cells["isbn"]))
    if value := issn(cells.get("issn", "")):
        identifiers.append(Identifier(scheme="issn", value=value, display=cells["issn"]))
    names = [part.strip() for part in cells.get("creators", "").replace("；", ";").split(";") if part.strip()]
    holding = Holding(
        member="",
        call_number=cells.get("call_number", ""),
        location=cells.get("location", ""),
        barcode=cells.get("barcode", ""),
    )
    has_holding = any((holding.call_number, holding.location, holding.barcode))
    return Record(
        source_id=cells.get("id")
        or cells.get("barcode")
        or "|".join((title, cells.get("isbn", ""), cells.get("date", ""))),
        title=title,
        contributors=tuple(Contributor(name=name) for name in names),
        responsibility=cells.get("creators", ""),
        publisher=cells.get("publisher", ""),
        date=cells.get("date", ""),
        year=year_in(cells.get("date", "")),
        identifiers=tuple(identifiers),
        classifications=tuple(
            [Classification(scheme="clc", number=cells["classification"])] if cells.get("classification") else []
        ),
        subjects=tuple(part for part in cells.get("subjects", "").replace("；", ";").split(";") if part),
        languages=(cells["language"],) if cells.get("language") else (),
        abstract=cells.get("text", ""),
        holdings=(holding,) if has_holding else (),
        metadata=dict(extra),
    )
