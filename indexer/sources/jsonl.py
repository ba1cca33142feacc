"""JSONL: one object a line, ``{"id", "title", "text", "kind"?, "date"?, "url"?, "language"?, "metadata"?}``."""

from __future__ import annotations

import io
import json
import math
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, BinaryIO, Protocol, cast

from indexer.normalise import isbn13, issn, standard_number, year_in
from indexer.records import KINDS, Contributor, Document, Holding, Identifier, Kind, Record
from indexer.sources.encoding import decode_line, decode_text
from indexer.sources.standards import facts_of
from indexer.sources.values import Outcomes, Read, Skipped, SourceError

LONGEST_LINE = 16 * 1024 * 1024
"""Bytes. A longer line is reported and passed over without being kept in memory."""

LARGEST_ARRAY = 64 * 1024 * 1024
DEEPEST = 32

_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufeff\ufffe\uffff]|[\ud800-\udfff]")


class LineError(ValueError):
    """What is wrong with one line or row, in words for a librarian."""


def read_jsonl(file: BinaryIO, *, kind: str | None = None) -> Outcomes:
    """Every line of the file; an empty line is passed over, a wrong one reported with its number. A file that is one
    JSON array is read, too, its objects numbered."""
    start = file.read(4096)
    file.seek(0)
    plain = start.removeprefix(b"\xef\xbb\xbf").lstrip()
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):
        wide = io.TextIOWrapper(file, encoding="utf-16", errors="replace", newline="\n")
        yield from _read_lines(_Recoded(wide), kind)
        wide.detach()
    elif plain.startswith(b"[") and not _is_json(plain.split(b"\n")[0]):
        yield from _array(file, kind)
    else:
        yield from _read_lines(file, kind)


def _read_lines(file: LineFile, kind: str | None) -> Outcomes:
    for number, line in _lines(file):
        place = f"第 {number} 行"
        if line is None:
            yield Skipped(place=place, reason=f"超过 {LONGEST_LINE // 1024 // 1024} MB 的行")
            continue
        text, encoding = decode_line(line)
        if text.strip().strip("\ufeff\x00"):
            yield _outcome(lambda text=text: _parse(text), place, kind, encoding)  # type: ignore[misc]


class LineFile(Protocol):
    def readline(self, most: int, /) -> bytes: ...


class _Recoded:
    """UTF-16 lines as UTF-8, a line at a time."""

    def __init__(self, text: io.TextIOWrapper) -> None:
        self._text = text

    def readline(self, most: int, /) -> bytes:
        return self._text.readline(most // 4).encode("utf-8", "replace")


def _is_json(line: bytes) -> bool:
    """Is the line JSON by itself?"""
    try:
        json.loads(line)
    except ValueError:
        return False
    return True


def _array(file: BinaryIO, kind: str | None) -> Outcomes:
    """The objects of one array; it is read whole, so its size is bounded.

    :raises SourceError: when it is too large or no JSON.
    """
    content = file.read(LARGEST_ARRAY + 1)
    if len(content) > LARGEST_ARRAY:
        raise SourceError(f"JSON 数组超过 {LARGEST_ARRAY // 1024 // 1024} MB，请改为每行一个对象（JSONL）")
    text, encoding, _ = decode_text(content)
    try:
        listed = _loads(text)
    except LineError as error:
        raise SourceError(f"整个文件{error}") from error
    for number, value in enumerate(listed if isinstance(listed, list) else [listed], start=1):
        yield _outcome(lambda value=value: _checked(value), f"第 {number} 个对象", kind, encoding)  # type: ignore[misc]


def _outcome(parse: Callable[[], Mapping[str, Any]], place: str, kind: str | None, encoding: str) -> Read | Skipped:
    """One object read, or why not; one whose id can be told is known to be still there."""
    identifier = ""
    try:
        said = parse()
        identifier = _known_id(said)
        return Read(thing=from_object(said, kind=kind), place=place, encoding=encoding, note="JSON")
    except LineError as error:
        return Skipped(place=place, reason=str(error), source_id=identifier)


def _known_id(said: Mapping[str, Any]) -> str:
    try:
        return _id(said)
    except LineError:
        return ""


def _lines(file: LineFile) -> Iterator[tuple[int, bytes | None]]:
    """Numbered lines; None for one that is too long."""
    number = 0
    while line := file.readline(LONGEST_LINE + 1):
        number += 1
        if len(line) <= LONGEST_LINE:
            yield number, line
            continue
        while line and not line.endswith(b"\n"):
            line = file.readline(1 << 20)
        yield number, None


def _loads(text: str) -> Any:
    try:
        return json.loads(text, parse_constant=_no_constant, parse_float=_finite)
    except json.JSONDecodeError as error:
        raise LineError(f"不是有效的 JSON（第 {error.colno} 个字符：{error.msg}）") from error
    except LineError:
        raise
    except (RecursionError, ValueError) as error:
        raise LineError("JSON 嵌套过深或数值过大") from error


def _no_constant(name: str) -> Any:
    raise LineError(f"不是有效的 JSON（{name} 不是 JSON 的值）")


def _finite(written: str) -> float:
    number = float(written)
    if not math.isfinite(number):
        raise LineError(f"JSON 里的数过大：{written[:20]}")
    return number


def _parse(text: str) -> Mapping[str, Any]:
    return _checked(_loads(text.strip().strip("\ufeff\x00")))


def _checked(value: object) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise LineError("不是一个 JSON 对象")
    if _deeper_than(value, DEEPEST):
        raise LineError("JSON 嵌套过深或数值过大")
    return value


def _deeper_than(value: object, most: int) -> bool:
    """Is anything nested in more than ``most`` lists and objects?"""
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return most < 0 or any(_deeper_than(one, most - 1) for one in inside)


def from_object(said: Mapping[str, Any], *, kind: str | None = None) -> Document | Record:
    """The document (or, of kind ``catalogue``, the record) that one object describes.

    :raises LineError: when a field of the contract is missing or of another type.
    """
    source_id, title, text = _id(said), _string(said, "title"), _string(said, "text")
    if not title.strip() and not text.strip():
        raise LineError("title 和 text 都是空的")
    chosen = said.get("kind") or kind or "document"
    if chosen not in KINDS:
        raise LineError(f"kind 不是 {'、'.join(KINDS)} 之一：{chosen!r}")
    metadata = said.get("metadata")
    if metadata is not None and not isinstance(metadata, dict):
        raise LineError("metadata 不是对象")
    optional: dict[str, Any] = {name: _optional(said, name) for name in ("date", "url", "language")}
    rest = {str(key): value for key, value in (metadata or {}).items()}
    title = title.strip() or text.strip()[:40]
    if chosen == "standard":
        rest = {**facts_of(text, title=title).metadata, **rest}
    if chosen == "catalogue":
        return _record(source_id, title, text, optional, rest)
    return Document(
        source_id=source_id,
        kind=cast(Kind, chosen),
        title=title,
        text=text if text.strip() else title,
        identifiers=identifiers(rest, title if chosen == "standard" else ""),
        metadata=rest,
        **optional,
    )


def _id(said: Mapping[str, Any]) -> str:
    value = said.get("id")
    if isinstance(value, bool) or not isinstance(value, str | int) or not str(value).strip():
        raise LineError("缺少 id" if value is None else "id 不是非空的字符串或整数")
    if len(str(value)) > 500:
        raise LineError("id 超过 500 个字符")
    plain = _CONTROL.sub("", str(value)).strip()
    if not plain:
        raise LineError("id 不是非空的字符串或整数")
    return plain


def _string(said: Mapping[str, Any], name: str) -> str:
    value = said.get(name)
    if not isinstance(value, str):
        raise LineError(f"缺少 {name}" if value is None else f"{name} 不是字符串")
    return _CONTROL.sub("", value.replace("\r\n", "\n"))


def _optional(said: Mapping[str, Any], name: str) -> str:
    value = said.get(name)
    if value is None or isinstance(value, bool | dict | list):
        if value is not None:
            raise LineError(f"{name} 不是字符串")
        return ""
    return _CONTROL.sub("", str(value)).strip()


def strings(value: object) -> tuple[str, ...]:
    """A value that may be one text or a list of them, as texts."""
    if isinstance(value, str):
        return tuple(part for part in (piece.strip() for piece in re.split(r"[;；\n]", value)) if part)
    if isinstance(value, list | tuple):
        return tuple(str(part).strip() for part in value if isinstance(part, str | int) and str(part).strip())
    return (str(value),) if isinstance(value, int | float) and not isinstance(value, bool) else ()


def identifiers(metadata: Mapping[str, Any], title: str) -> tuple[Identifier, ...]:
    """Known-item keys among the metadata, and a standard's number at the head of its title."""
    found: list[Identifier] = []
    for scheme, names, parse in (
        ("isbn", ("isbn", "ISBN"), isbn13),
        ("issn", ("issn", "ISSN"), issn),
        ("standard", ("number", "standard_number", "standard", "标准号", "std_no"), standard_number),
    ):
        for written in (value for name in names for value in strings(metadata.get(name))):
            if value := parse(written):
                found.append(Identifier(scheme=scheme, value=value, display=written))
    if title and not any(one.scheme == "standard" for one in found):
        head = " ".join(title.split()[:3])
        value = next(
            (
                standard_number(" ".join(head.split()[:n]))
                for n in (3, 2, 1)
                if standard_number(" ".join(head.split()[:n]))
            ),
            None,
        )
        if value:
            found.append(Identifier(scheme="standard", value=value, display=value))
    return tuple(dict.fromkeys(found))


def _record(source_id: str, title: str, text: str, said: Mapping[str, str], more: Mapping[str, Any]) -> Record:
    names = strings(more.get("creators") or more.get("authors") or more.get("author") or more.get("creator"))
    year = more.get("year")
    return Record(
        source_id=source_id,
        title=title,
        contributors=tuple(Contributor(name=name) for name in names),
        publisher=str(more.get("publisher") or ""),
        place=str(more.get("place") or ""),
        edition=str(more.get("edition") or ""),
        date=said["date"],
        year=year if isinstance(year, int) and not isinstance(year, bool) else year_in(str(year or said["date"])),
        series=strings(more.get("series")),
        subjects=strings(more.get("subjects") or more.get("keywords")),
        identifiers=identifiers(more, ""),
        languages=(said["language"],) if said["language"] else (),
        abstract=text if text.strip() != title else "",
        url=said["url"],
        holdings=holdings(more.get("holdings")),
        metadata={key: value for key, value in more.items() if key != "holdings"},
    )


def holdings(value: object) -> tuple[Holding, ...]:
    """Holdings as a list of objects (member, call_number, location, barcode, status); others are an error.

    :raises LineError: when the list is no list of objects.
    """
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        raise LineError("holdings 不是对象的列表")
    known = ("available", "on_loan", "reference", "lost", "in_process")
    return tuple(
        Holding(
            **_texts(one),
            status=one["status"] if one.get("status") in known else "available" if "status" not in one else "unknown",
            loanable=bool(one.get("loanable", True)),
            copyable=bool(one.get("copyable", True)),
        )
        for one in value
    )


def _texts(said: Mapping[str, Any]) -> dict[str, Any]:
    return {name: str(said.get(name) or "") for name in ("member", "call_number", "location", "barcode")}
