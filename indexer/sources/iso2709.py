"""ISO 2709 files, record by record, however damaged: the reader finds the next record by its terminator and leader.

pymarc parses each record; what stands around it here is finding records (a wrong length in the leader is corrected,
garbage between records is passed over and reported) and telling the character encoding.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

import pymarc
from pymarc.exceptions import PymarcException

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
    match = _LEADER.match(content) or _last_leader(content)
    if match is None:
        if content.strip(b"\x00\x1a\x1d \r\n"):
            yield Unreadable(number=number, offset=offset, reason="找不到记录头标")
        return
    start = match.start()
    garbage = len(content[:start].strip(b"\x00\x1a \r\n"))
    yield RawRecord(number=number, offset=offset + start, content=content[start:], garbage=garbage)


def _last_leader(content: bytes) -> re.Match[bytes] | None:
    """The leader nearest the end whose directory holds together; what is before it is the rest of a broken record."""
    found = None
    for match in _LEADER.finditer(content):
        base = content[match.start() + 12 : match.start() + 17]
        if base.isdigit() and content[match.start() + int(base) - 1 : match.start() + int(base)] == FIELD_END:
            found = match
    return found


def parse(raw: RawRecord) -> tuple[pymarc.Record, str, str]:
    """The record, its encoding, and why that encoding.

    :raises ValueError: with a reason to show when pymarc cannot make a record of it.
    """
    encoding, why = detect_encoding(raw.content)
    content = bytearray(raw.content)
    content[0:5] = b"%05d" % min(len(content), 99999)
    content[9:10] = b"a" if encoding == "utf-8" else b" "
    codec = {"marc-8": "iso8859-1", "utf-8": "utf-8"}.get(encoding, encoding)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            record = pymarc.Record(
                bytes(content),
                to_unicode=True,
                force_utf8=encoding == "utf-8",
                utf8_handling="replace",
                file_encoding=codec,
            )
    except PymarcException as error:
        raise ValueError(str(error) or type(error).__name__) from error
    except (ValueError, IndexError, KeyError, TypeError, AttributeError, LookupError) as error:
        raise ValueError(f"记录结构损坏（{type(error).__name__}）") from error
    if not record.fields:
        raise ValueError("记录里没有字段")
    return record, encoding, why


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
