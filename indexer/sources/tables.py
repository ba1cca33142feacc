"""CSV and XLSX: one record or document a row, columns told by their headings or by a column map."""

from __future__ import annotations

import csv
import hashlib
import io
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any, BinaryIO

import openpyxl
from openpyxl.utils.exceptions import InvalidFileException

from indexer.normalise import fold
from indexer.sources.archives import guard_size
from indexer.sources.encoding import detect
from indexer.sources.jsonl import LineError, from_object
from indexer.sources.values import Outcomes, Read, Skipped, SourceError

_SAMPLE = 256 * 1024
_LONGEST_CELL = 8 * 1024 * 1024
_HEADINGS = {
    "id": "id 编号 序号 记录号 控制号 record_id 主键",
    "title": "title 题名 书名 标题 名称 正题名 问题 question 标准名称 刊名 篇名 文献题名 中文名称 standard_name",
    "text": "text 正文 内容 全文 答案 回答 answer content body 摘要 简介 提要 内容提要 abstract summary 说明",
    "kind": "kind 类型 类别",
    "date": "date 日期 发布日期 出版日期 出版时间 发布时间 时间 published",
    "url": "url 链接 网址 地址 link 原文链接 来源链接",
    "language": "language 语种 语言 lang",
    "creators": "creators creator author authors 作者 责任者 著者 第一责任者 著作者 起草单位 作者姓名",
    "publisher": "publisher 出版社 出版者 出版单位 发布单位 发布部门",
    "place": "place 出版地",
    "year": "year 年份 出版年 年代 出版年份",
    "edition": "edition 版本 版次 版本项",
    "isbn": "isbn 国际标准书号 书号 isbn号 isbn/issn",
    "issn": "issn issn号 国际标准刊号",
    "subjects": "subjects subject 主题 主题词 关键词 keywords 标签",
    "series": "series 丛书 丛书名 丛编",
    "number": "number 标准号 标准编号 standard_number std_no",
    "status": "status 状态 标准状态",
    "issued": "issued 颁布日期 批准日期",
    "effective": "effective 实施日期 生效日期 effective_date",
    "replaces": "replaces 代替 代替标准 替代标准 被代替标准",
    "replaced_by": "replaced_by 被代替 被替代 替代情况",
    "call_number": "call_number 索书号 索取号 排架号 callnumber",
    "classification": "classification 分类号 中图分类号 中图法分类号 clc",
    "barcode": "barcode 条码 条码号 条形码 财产号 登录号",
    "location": "location 馆藏地 馆藏地点 馆藏地址 所在地 馆藏位置",
    "member": "member 馆代码 成员馆 馆藏单位 所属馆 馆名",
    "holding_status": "holding_status 馆藏状态 流通状态 书刊状态",
}
_COLUMNS = {fold(name): field for field, names in _HEADINGS.items() for name in names.split()}
_CONTRACT = frozenset({"id", "title", "text", "kind", "date", "url", "language"})
_HOLDING = frozenset({"member", "call_number", "location", "barcode"})
_STATUS = {
    mark: status
    for status, marks in {
        "available": "在架 可借 在馆",
        "on_loan": "借出 已借 外借",
        "reference": "阅览 馆内",
        "lost": "丢失 遗失",
        "in_process": "编目 加工",
    }.items()
    for mark in marks.split()
}


def read_csv(file: BinaryIO, *, columns: Mapping[str, str] | None = None, kind: str | None = None) -> Outcomes:
    """Rows of a CSV or TSV file. The separator is the one that the headings hold most of.

    :raises SourceError: when no column can be taken for a title.
    """
    sample = file.read(_SAMPLE)
    file.seek(0)
    codec, why = detect(sample)
    text = io.TextIOWrapper(file, encoding=codec, errors="replace", newline="")
    head = sample.decode(codec, errors="replace").splitlines()[:1]
    separator = max(",\t;|", key=lambda mark: head[0].count(mark)) if head else ","
    csv.field_size_limit(_LONGEST_CELL)
    rows = _numbered(csv.reader(_without_nul(text), delimiter=separator))
    yield from _rows(rows, columns=columns, kind=kind, encoding=codec.removesuffix("-sig"), note=why)
    text.detach()


def _without_nul(lines: Iterable[str]) -> Iterator[str]:
    for line in lines:
        yield line.replace("\x00", "")


def _numbered(reader: Any) -> Iterator[tuple[int, Sequence[Any] | None]]:
    """Rows with the line they end on; None for a row that the parser refused."""
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error:
            yield reader.line_num, None
            continue
        yield reader.line_num, row


def read_xlsx(path: Path, *, columns: Mapping[str, str] | None = None, kind: str | None = None) -> Outcomes:
    """Rows of the first sheet that has any, streamed.

    :raises SourceError: when it is no workbook, or unpacks to more than is sane.
    """
    try:
        guard_size(path)
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
    except (zipfile.BadZipFile, InvalidFileException, KeyError, ValueError, OSError) as error:
        raise SourceError(f"{path.name}: 不是可读的 XLSX（{error}）") from error
    try:
        for sheet in book.worksheets:
            rows = enumerate(sheet.iter_rows(values_only=True), start=1)
            yield from _rows(rows, columns=columns, kind=kind, encoding="xlsx", note="XLSX")
    finally:
        book.close()


def _rows(
    rows: Iterator[tuple[int, Sequence[Any] | None]],
    *,
    columns: Mapping[str, str] | None,
    kind: str | None,
    encoding: str,
    note: str,
) -> Outcomes:
    headings: list[str] | None = None
    for number, row in rows:
        place = f"第 {number} 行"
        if row is None:
            yield Skipped(place=place, reason="CSV 语法错误或单元格过长")
            continue
        cells = [_cell(value) for value in row]
        if not any(cells):
            continue
        if headings is None:
            headings = _fields(cells, columns or {})
            continue
        try:
            said = _object(headings, cells, kind)
            yield Read(thing=from_object(said, kind=kind), place=place, encoding=encoding, note=note)
        except LineError as error:
            yield Skipped(place=place, reason=str(error))


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == datetime.min.time() else value.isoformat(" ")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()


def _fields(cells: Sequence[str], columns: Mapping[str, str]) -> list[str]:
    """The field each column holds: by the map (heading → field), by its known heading, or its own heading."""
    given = {fold(heading.strip()): field for heading, field in columns.items()}
    found = [given.get(fold(cell)) or _COLUMNS.get(fold(cell)) or cell for cell in cells]
    if "title" not in found:
        raise SourceError(f"没有可以作为题名的列；列名是：{'、'.join(filter(None, cells[:12]))}")
    return found


def _object(headings: Sequence[str], cells: Sequence[str], kind: str | None) -> dict[str, Any]:
    """A row as an object of the JSONL contract; what the contract does not name goes into its metadata."""
    said: dict[str, str] = {}
    for field, cell in zip(headings, cells, strict=False):
        if cell and field:
            said[field] = f"{said[field]}\n{cell}" if field == "text" and field in said else said.get(field, cell)
    if not said.get("title"):
        raise LineError("题名为空")
    more: dict[str, Any] = {name: value for name, value in said.items() if name not in _CONTRACT | _HOLDING}
    whole: dict[str, Any] = {name: value for name, value in said.items() if name in _CONTRACT}
    if (kind or said.get("kind")) == "catalogue":
        more["holdings"] = _holding(said)
    whole["metadata"] = more
    if not whole.get("text"):
        whole["text"] = (
            "" if more.get("holdings") else "；".join(f"{name}：{value}" for name, value in more.items() if value)
        )
    if (number := said.get("number")) and number not in whole["title"]:
        whole["title"] = f"{number} {whole['title']}"
    whole.setdefault("id", said.get("number") or said.get("isbn") or _made_id(said))
    return whole


def _holding(said: Mapping[str, str]) -> list[dict[str, str]] | None:
    told = {name: said[name] for name in _HOLDING if name in said}
    word = said.get("holding_status", "")
    status = next((value for mark, value in _STATUS.items() if mark in word), "unknown" if word else "")
    return [{**told, **({"status": status} if status else {})}] if told else None


def _made_id(said: Mapping[str, str]) -> str:
    raw = "\0".join(said.get(name, "") for name in ("title", "creators", "publisher", "year", "date", "barcode"))
    return "row-" + hashlib.blake2b(raw.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
