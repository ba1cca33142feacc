"""One row of a table as a record or document: what Excel does to numbers is undone or named. Pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

from indexer.normalise import isbn13, issn
from indexer.records import Document, Record
from indexer.sources.dates import date_of, day_of_serial
from indexer.sources.jsonl import LineError, from_object
from indexer.sources.standards import state_of

_CONTRACT = frozenset({"id", "title", "text", "kind", "date", "url", "language"})
_HOLDING = frozenset({"member", "call_number", "location", "barcode", "holding_status"})
_SEVERAL = frozenset({"creators", "subjects", "series", "isbn", "replaces", "replaced_by"})
_CODES = frozenset({"id", "isbn", "issn", "barcode", "call_number", "number", "year", "classification"})
_DATES = frozenset({"date", "issue_date", "effective_date"})
_STATUS = {
    mark: status
    for status, marks in {
        "available": "在架 可借 在馆 入藏",
        "on_loan": "借出 已借 外借",
        "reference": "阅览 馆内",
        "lost": "丢失 遗失",
        "in_process": "编目 加工",
    }.items()
    for mark in marks.split()
}
_SCIENTIFIC = re.compile(r"\d(?:\.\d+)?[Ee]\+?\d{1,2}")
_AS_TEXT = re.compile(r'="(.*)"', re.DOTALL)
_ERRORS = frozenset({"#REF!", "#N/A", "#VALUE!", "#NAME?", "#DIV/0!", "#NULL!", "#NUM!", "#SPILL!"})
_UNIFORM = re.compile(r"\d{4,5}\s*[·.．・-]\s*\d{1,5}")


@dataclass(slots=True)
class RowReader:
    """Reads rows under the given fields. ``remarks`` are what was odd about the last one."""

    fields: Sequence[str]
    headings: Sequence[str]
    kind: str | None = None
    remarks: list[str] = field(default_factory=list)

    def read(self, cells: Sequence[str]) -> Record | Document:
        """:raises LineError: when the row has no title."""
        self.remarks = []
        said: dict[str, str] = {}
        for place, cell in enumerate(cells[: len(self.fields)]):
            name = self.fields[place]
            if name and (value := self._value(name, cell, self.headings[place])):
                said[name] = _together(name, said.get(name, ""), value)
        if not said.get("title"):
            raise LineError("题名为空")
        return from_object(self._object(said), kind=self.kind)

    def _value(self, name: str, cell: str, heading: str) -> str:
        if cell in _ERRORS:
            self.remarks.append(f"“{heading}”列是公式错误值 {cell}，按空处理")
            return ""
        if name in _CODES:
            return self._code(name, cell, heading)
        if name in _DATES and self._is_document():
            return self._date(cell, heading)
        return cell

    def _code(self, name: str, cell: str, heading: str) -> str:
        """Numbers that Excel wrote as decimals are whole again; digits that it threw away are gone."""
        whole = re.sub(r"(?<=\d)\.0+$", "", cell)
        if _SCIENTIFIC.fullmatch(cell):
            number = Decimal(cell)
            if len(number.as_tuple().digits) < number.adjusted() + 1:
                self.remarks.append(f"“{heading}”列的 {cell} 已被 Excel 改成科学计数法，原来的数字无法还原，未采用")
                return ""
            whole = format(number, "f").partition(".")[0]
        if name == "isbn" and whole:
            self._check_isbn(whole, heading)
        return whole

    def _check_isbn(self, written: str, heading: str) -> None:
        parts = [part for part in re.split(r"[;；,，\n]", written) if part.strip()]
        bare = [re.sub(r"[（(].*", "", part) for part in parts]
        bad = [one for one in bare if not (isbn13(one) or issn(one) or _UNIFORM.fullmatch(one.strip()))]
        if bad:
            self.remarks.append(f"“{heading}”列的 {'、'.join(bad)[:60]} 不是有效的 ISBN（位数或校验码不对）")

    def _date(self, cell: str, heading: str) -> str:
        if re.fullmatch(r"\d{5}(?:\.\d+)?", cell) and (day := day_of_serial(int(float(cell)))):
            self.remarks.append(f"“{heading}”列的 {cell} 是 Excel 的日期序号，读作 {day}")
            return day
        return date_of(cell)

    def _is_document(self) -> bool:
        return self.kind not in (None, "catalogue")

    def _object(self, said: dict[str, str]) -> dict[str, Any]:
        """The row as an object of the JSONL contract; what the contract does not name goes into its metadata."""
        kind = self.kind or said.get("kind")
        more: dict[str, Any] = {name: value for name, value in said.items() if name not in _CONTRACT | _HOLDING}
        whole: dict[str, Any] = {name: value for name, value in said.items() if name in _CONTRACT}
        if kind == "catalogue":
            more["holdings"] = _holding(said)
        else:
            more |= {name: said[name] for name in _HOLDING if name in said}
        if kind == "standard":
            _standard(said, more)
        whole["metadata"] = more
        if not whole.get("text"):
            whole["text"] = "" if kind == "catalogue" else self._as_text(said)
        if (number := said.get("number")) and number not in whole["title"]:
            whole["title"] = f"{number} {whole['title']}"
        whole.setdefault("id", said.get("number") if kind != "catalogue" else None)
        whole["id"] = whole["id"] or row_id(said)
        return whole

    def _as_text(self, said: Mapping[str, str]) -> str:
        """A row without a text says what its columns say, under their own headings."""
        named = dict(zip(reversed(self.fields), reversed(self.headings), strict=True))
        return "；".join(
            f"{named.get(name, name)}：{value}" for name, value in said.items() if name not in ("id", "url")
        )


def _together(name: str, former: str, value: str) -> str:
    """Two columns of one field: texts and lists are put together, of others the first counts."""
    if not former:
        return value
    if name == "text":
        return f"{former}\n{value}"
    return f"{former}；{value}" if name in _SEVERAL and value != former else former


def _standard(said: Mapping[str, str], more: dict[str, Any]) -> None:
    """The facts of a standard under the keys that the standards watch reads."""
    if said.get("date"):
        more.setdefault("issue_date", said["date"])
    if state := state_of(said.get("status", "")):
        more["status"] = state


def _holding(said: Mapping[str, str]) -> list[dict[str, str]] | None:
    told = {name: said[name] for name in _HOLDING - {"holding_status"} if name in said}
    word = said.get("holding_status", "")
    status = next((value for mark, value in _STATUS.items() if mark in word), "unknown" if word else "")
    return [{**told, **({"status": status} if status else {})}] if told else None


def row_id(said: Mapping[str, str]) -> str:
    """An id for a row without one. A copy's barcode is one; an ISBN is none, because the volumes of a set share it."""
    if barcode := said.get("barcode"):
        return f"barcode-{said.get('member', '')}{'-' if said.get('member') else ''}{barcode}"[:500]
    names = ("title", "creators", "publisher", "year", "date", "edition", "isbn", "call_number", "location", "url")
    raw = "\0".join(said.get(name, "") for name in names)
    return "row-" + hashlib.blake2b(raw.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


def cell_text(value: Any) -> str:
    """What a cell says, as text."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == time.min else value.isoformat(" ")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, bool):
        return "是" if value else "否"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    text = str(value).strip().replace("_x000D_", "")
    if quoted := _AS_TEXT.fullmatch(text):
        text = quoted[1].replace('""', '"').strip()
    return re.sub(r"^'(?=\d)", "", text)
