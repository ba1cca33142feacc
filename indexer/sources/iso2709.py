"""ISO 2709 files, record by record, however damaged: the reader finds the next record by its terminator and leader.

pymarc parses each record; what stands around it here is finding records (a wrong length in the leader is corrected,
garbage between records is passed over and reported) and telling the character encoding.
"""

from __future__ import annotations

import contextlib
import io
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

import pymarc
from pymarc.exceptions import PymarcException

from indexer.sources.repair import layout, rebuilt

RECORD_END = b"\x1d"
FIELD_END = b"\x1e"
LONGEST_RECORD = 4 * 1024 * 1024
_CHUNK = 1 << 20

# ISO 2709 leader as MARC21 and UNIMARC use it: length, status and type, indicator and code lengths, base address
_LEADER = re.compile(rb"[0-9]{5}[\x20-\x7e]{5}[0-9 ]{2}[0-9 ]{5}[\x20-\x7e]{3}[\x20-\x7e]{4}")


@dataclass(frozen=True, slots=True, kw_only=True)
class RawRecord:
    """Bytes between two record terminators. ``garbage`` bytes before the leader were passed over."""

    number: int
    offset: int
    content: bytes
    garbage: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreadable:
    """A stretch of the file that holds no record."""

    number: int
    offset: int
    reason: str
    cut: bool = False


def raw_records(file: BinaryIO) -> Iterator[RawRecord | Unreadable]:
    """Everything between record terminators, at most ``LONGEST_RECORD`` of it in memory."""
    buffer = bytearray()
    offset = number = 0
    overlong = False
    while True:
        chunk = file.read(_CHUNK)
        buffer += chunk
        begin = 0
        while (end := buffer.find(RECORD_END, begin)) >= 0:
            number += 1
            if overlong:
                yield Unreadable(number=number, offset=offset + begin, reason="没有记录结束符的超长数据")
                overlong = False
            else:
                yield from _record(number, offset + begin, bytes(buffer[begin : end + 1]))
            begin = end + 1
        offset += begin
        del buffer[:begin]
        if len(buffer) > LONGEST_RECORD:
            overlong = True
            offset += len(buffer)
            buffer.clear()
        if not chunk:
            break
    if buffer.strip(b"\x00\x1a \r\n"):
        yield Unreadable(number=number + 1, offset=offset, reason="文件在记录中间结束（缺少记录结束符）", cut=True)


def _record(number: int, offset: int, content: bytes) -> Iterator[RawRecord | Unreadable]:
    """The records before one terminator: one as a rule, several when the terminators between them were destroyed."""
    starts = _leaders(content)
    if not starts:
        if content.strip(b"\x00\x1a\x1d \r\n\xef\xbb\xbf"):
            yield Unreadable(number=number, offset=offset, reason="找不到记录头标")
        return
    garbage = len(content[: starts[0]].strip(b"\x00\x1a \r\n\xef\xbb\xbf"))
    for place, start in enumerate(starts):
        end = starts[place + 1] if place + 1 < len(starts) else len(content)
        piece = content[start:end] if end == len(content) else content[start:end] + RECORD_END
        yield RawRecord(number=number, offset=offset + start, content=piece, garbage=0 if place else garbage)


def _leaders(content: bytes) -> list[int]:
    """Where records begin: every leader whose directory ends where it says, and one at the very start in any case."""
    found = []
    for match in _LEADER.finditer(content):
        start = match.start()
        if not content[:start].strip(b"\x00\x1a \r\n\xef\xbb\xbf") or _is_inner(content, start):
            found.append(start)
    return found


def _is_inner(content: bytes, start: int) -> bool:
    """Does a record begin here, in the middle of another: indicator and code lengths 2, and a directory that fits?"""
    base = content[start + 12 : start + 17]
    if content[start + 10 : start + 12] != b"22" or not base.isdigit():
        return False
    size = int(base) - 25
    return size >= 12 and size % 12 == 0 and content[start + int(base) - 1 : start + int(base)] == FIELD_END


@dataclass(frozen=True, slots=True, kw_only=True)
class Parsed:
    """A record as pymarc reads it, the encoding it was in and why that one, and what had to be put right."""

    marc: pymarc.Record
    encoding: str
    why: str
    remark: str = ""


def parse(raw: RawRecord) -> Parsed:
    """:raises ValueError: with a reason to show when no record can be made of it."""
    encoding, why = detect_encoding(raw.content)
    codec = None if encoding == "marc-8" else {"big5": "big5hkscs"}.get(encoding, encoding)
    remark = ""
    try:
        found = layout(raw.content)
        content = rebuilt(found, codec)
        remark = "" if found.sound else "目录与字段的位置不符，已按字段次序读取"
    except ValueError as error:
        if codec not in (None, "utf-8"):
            raise
        content, remark = raw.content, f"{error}；按目录读取"
        content = b"%05d" % min(len(content), 99_999) + content[5:9] + (b"a" if codec else b" ") + content[10:]
    if codec is None:
        content = content[:9] + b" " + content[10:]
    try:
        with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):  # pymarc's MARC-8 reader prints
            warnings.simplefilter("ignore")
            marc = pymarc.Record(
                content, force_utf8=codec is not None, utf8_handling="replace", hide_utf8_warnings=True
            )
    except PymarcException as error:
        raise ValueError(f"记录结构损坏：{error}" if str(error) else type(error).__name__) from error
    except (ValueError, IndexError, KeyError, TypeError, AttributeError, LookupError) as error:
        raise ValueError(f"记录结构损坏（{type(error).__name__}）") from error
    if not marc.fields:
        raise ValueError("记录里没有字段")
    return Parsed(marc=marc, encoding=encoding, why=why, remark=remark)


def detect_encoding(content: bytes) -> tuple[str, str]:
    """The encoding of a record's bytes and the reason, from its bytes more than from its leader."""
    declared = content[9:10]
    if content.isascii():
        return ("marc-8", "含转义序列") if b"\x1b" in content else ("utf-8", "全部为 ASCII")
    if _is_utf8(content):
        return "utf-8", "字节是有效的 UTF-8" + ("" if declared == b"a" else "（头标未声明）")
    if b"\x1b" in content:
        return "marc-8", "含 MARC-8 转义序列"
    body = content[24:]
    scores = {"gb18030": _gb_score(body), "big5": _big5_score(body)}
    best = max(scores, key=lambda name: scores[name])
    if scores[best] > 0.6:
        return best, f"{scores[best]:.0%} 的双字节落在 {best.upper()} 常用字区"
    if declared == b"a":
        return "utf-8", "头标声明 UTF-8，但含无效字节（已替换）"
    return "marc-8", "单字节变音符号"


def _is_utf8(content: bytes) -> bool:
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _gb_score(body: bytes) -> float:
    """Share of the high bytes that stand in pairs of GB 2312 level 1 (B0–D7) or its symbols (A1–A3)."""
    high = sum(byte >= 0x80 for byte in body)
    pairs = re.findall(rb"[\xb0-\xd7][\xa1-\xfe]|[\xa1-\xa3][\xa1-\xfe]|[\xd8-\xf7][\xa1-\xfe]", body)
    common = sum(len(pair) for pair in pairs if 0xB0 <= pair[0] <= 0xD7 or pair[0] <= 0xA3)
    return common / high if high and _decodes(body, "gb18030") else 0.0


def _big5_score(body: bytes) -> float:
    """Share of the bytes of Big5's frequently used block (A4–C6) among all bytes of double-byte characters."""
    pairs = re.findall(rb"[\xa1-\xf9][\x40-\x7e\xa1-\xfe]", body)
    common = sum(1 for pair in pairs if 0xA4 <= pair[0] <= 0xC6 or 0xA1 <= pair[0] <= 0xA3)
    return common / len(pairs) if pairs and _decodes(body, "big5hkscs") else 0.0


def _decodes(body: bytes, codec: str) -> bool:
    try:
        body.decode(codec)
    except UnicodeDecodeError:
        return False
    return True
