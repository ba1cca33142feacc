"""ISO 2709 files, record by record, however damaged: the reader finds the next record by its terminator and leader.

pymarc parses each sound record; what stands around it here is finding records (a wrong length in the leader is
corrected, garbage between records is passed over and reported), telling the character encoding, and giving pymarc's
values to fields that its parser cannot reach (:mod:`indexer.sources.repair`).
"""

from __future__ import annotations

import re
import unicodedata
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

import pymarc
from pymarc.exceptions import PymarcException

from indexer.sources.marc_encoding import Judgement, decoded, judge
from indexer.sources.repair import ENTRIES, FIELD_END, LEADER, RECORD_END, Layout, layout

LONGEST_RECORD = 4 * 1024 * 1024
_KEPT = 256 * 1024
"""Of overlong data without a terminator, what is kept: the record that ends it may begin there."""
_CHUNK = 1 << 20
_EMPTY = b"\x00\x1a\x1d \r\n\t\xef\xbb\xbf"

# ISO 2709 leader as MARC21 and UNIMARC use it: length, status and type, indicator and code lengths, base address
_LEADER = re.compile(rb"[0-9]{5}[\x20-\x7e]{5}[0-9 ]{2}[0-9 ]{5}[\x20-\x7e]{3}[\x20-\x7e]{4}")


@dataclass(frozen=True, slots=True, kw_only=True)
class RawRecord:
    """Bytes between two record terminators. ``garbage`` bytes before the leader were passed over; ``open`` says that
    the file ends without the record's terminator."""

    number: int
    offset: int
    content: bytes
    garbage: int = 0
    open: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreadable:
    """A stretch of the file that holds no record."""

    number: int
    offset: int
    reason: str
    cut: bool = False


class _Splitter:
    """Numbers the records of a stream as they come. Nothing longer than ``LONGEST_RECORD`` is kept in memory."""

    def __init__(self) -> None:
        self._number = 0
        self._lost = 0

    def piece(self, offset: int, content: bytes, *, last: bool = False) -> Iterator[RawRecord | Unreadable]:
        """The records before one terminator: one as a rule, several when terminators between them were destroyed."""
        lost, self._lost = self._lost, 0
        starts = [0] if _fits(content) else _leaders(content)
        if not starts:
            if lost or content.strip(_EMPTY):
                self._number += 1
                yield self._nothing(offset, content, lost, last)
            return
        garbage = lost + len(content[: starts[0]].strip(_EMPTY))
        for place, start in enumerate(starts):
            stop = starts[place + 1] if place + 1 < len(starts) else len(content)
            self._number += 1
            ends = content[stop - 1 : stop] == RECORD_END
            yield RawRecord(
                number=self._number,
                offset=offset + start,
                content=content[start:stop] if ends else content[start:stop] + RECORD_END,
                garbage=0 if place else garbage,
                open=last and stop == len(content) and not ends,
            )

    def lose(self, count: int) -> None:
        """So many bytes without a terminator were let go."""
        self._lost += count

    def _nothing(self, offset: int, content: bytes, lost: int, last: bool) -> Unreadable:
        if last:
            return Unreadable(
                number=self._number, offset=offset, reason="文件在记录中间结束（缺少记录结束符）", cut=True
            )
        reason = f"没有记录结束符的超长数据（{lost + len(content)} 字节）" if lost else "找不到记录头标"
        return Unreadable(number=self._number, offset=max(0, offset - lost), reason=reason)


def raw_records(file: BinaryIO) -> Iterator[RawRecord | Unreadable]:
    """Everything between record terminators, at most ``LONGEST_RECORD`` of it in memory."""
    buffer = bytearray()
    splitter = _Splitter()
    offset = 0
    while chunk := file.read(_CHUNK):
        searched = len(buffer)
        buffer += chunk
        begin = 0
        while (end := buffer.find(RECORD_END, max(begin, searched))) >= 0:
            yield from splitter.piece(offset + begin, bytes(buffer[begin : end + 1]))
            begin = end + 1
        excess = len(buffer) - begin - LONGEST_RECORD
        if excess > 0:
            begin = len(buffer) - _KEPT
            splitter.lose(begin)
        offset += begin
        del buffer[:begin]
    if buffer.strip(_EMPTY):
        yield from splitter.piece(offset, bytes(buffer), last=True)


def _fits(content: bytes) -> bool:
    """Is it one record whose leader is right: the case of nearly every record."""
    return (
        content[:5] == b"%05d" % len(content)
        and content[12:17].isdigit()
        and content[int(content[12:17]) - 1 : int(content[12:17])] == FIELD_END
    )


def _leaders(content: bytes) -> list[int]:
    """Where records begin: every leader whose directory ends where it says, and one at the very start in any case."""
    first = len(content) - len(content.lstrip(_EMPTY))
    found = [match.start() for match in _LEADER.finditer(content)]
    kept = [start for start in found if start == first or _is_inner(content, start)]
    if first not in kept and content[first : first + 5].isdigit() and _has_directory(content, first):
        kept.insert(0, first)
    if not kept:
        kept = [match.start() - LEADER for match in ENTRIES.finditer(content) if match.start() >= LEADER][:1]
        kept = [start for start in kept if _passes_for_leader(content[start : start + LEADER])]
    return kept


def _passes_for_leader(head: bytes) -> bool:
    """May these 24 bytes before a directory be a leader whose numbers were left blank or lost?"""
    return head[:5].isdigit() or head[10:12] == b"22" or (not head[:5].strip() and head[5:8].strip().isalpha())


def _is_inner(content: bytes, start: int) -> bool:
    """Does a record begin here, in the middle of another: indicator and code lengths 2, and a directory that fits?"""
    base = content[start + 12 : start + 17]
    if content[start + 10 : start + 12] != b"22" or not base.isdigit():
        return False
    size = int(base) - 25
    fits = size >= 12 and size % 12 == 0 and content[start + int(base) - 1 : start + int(base)] == FIELD_END
    directory = ENTRIES.match(content, start + LEADER)
    return fits or (directory is not None and len(directory[0]) > 24 and directory[0][:2] == b"00")


def _has_directory(content: bytes, start: int) -> bool:
    """Is there, behind 24 bytes of any kind, a directory or at least twelve bytes and a field end?"""
    end = content.find(FIELD_END, start + LEADER)
    return end >= start + LEADER + 12 or ENTRIES.match(content, start + LEADER) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Parsed:
    """A record as pymarc reads it, the encoding it was in and why that one, and what had to be put right."""

    marc: pymarc.Record
    encoding: str
    why: str
    remark: str = ""


def parse(raw: RawRecord, *, usual: str = "") -> Parsed:
    """``usual``: the encoding of the records before it in the same file.

    :raises ValueError: with a reason to show when no record can be made of it.
    """
    content = raw.content
    found = layout(content)
    if raw.open and not found.sound:
        raise ValueError("文件在记录中间结束（缺少记录结束符）")
    told = judge(content, leader=found.leader, fields=found.fields, usual=usual)
    plain = found.sound and told.name == "utf-8" and "无效" not in told.why and _ordinary(found)
    marc = _by_pymarc(content) if plain else None
    if marc is None:
        marc = _from_layout(found, told)
    if not marc.fields:
        raise ValueError("记录里没有字段")
    remark = "；".join(part for part in (found.remark, "文件末尾缺少记录结束符" if raw.open else "") if part)
    return Parsed(marc=marc, encoding=told.name, why=told.why, remark=remark)


def _ordinary(found: Layout) -> bool:
    """Has every data field two ASCII indicators and then a subfield?"""
    return all((body[2:3] == b"\x1f" and body[:2].isascii()) or tag < b"010" for tag, body in found.fields)


def _by_pymarc(content: bytes) -> pymarc.Record | None:
    """pymarc's own reading of a sound record; None where it stumbles over something that was not foreseen."""
    head = b"%05d" % min(len(content), 99_999) + content[5:9] + b"a22" + content[12:]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return pymarc.Record(head, force_utf8=True, utf8_handling="replace", hide_utf8_warnings=True)
    except (PymarcException, ValueError, IndexError, KeyError, TypeError, AttributeError, LookupError):
        return None


def _from_layout(found: Layout, told: Judgement) -> pymarc.Record:
    record = pymarc.Record()
    leader = "".join(chr(byte) if 0x20 <= byte < 0x7F else " " for byte in found.leader.ljust(LEADER))
    record.leader = pymarc.Leader(leader[:LEADER])
    for tag, body in found.fields:
        record.add_field(_field(tag.decode("ascii", "replace"), decoded(body, told)))
    return record


def _field(tag: str, text: str) -> pymarc.Field:
    if tag.isdigit() and tag < "010":
        return pymarc.Field(tag=tag, data=text.partition("\x1f")[2][1:] if "\x1f" in text else text)
    head, *parts = text.split("\x1f")
    indicators = pymarc.Indicators(*(head + "  ")[:2])
    subfields = [pymarc.Subfield(_code(part[0]), part[1:]) for part in parts if part]
    if not subfields:
        bare = head[2:] if re.match(r"[ 0-9|#\\]{2}", head) else head
        subfields = [pymarc.Subfield("a", bare)] if bare.strip() else []
    elif len(head) > 3:  # text between the indicators and the first subfield
        subfields.insert(0, pymarc.Subfield("a", head[2:]))
    return pymarc.Field(tag=tag, indicators=indicators, subfields=subfields)


def _code(code: str) -> str:
    """A subfield code; one that a wrong conversion gave an accent (``á``) without it."""
    return code if code.isascii() else unicodedata.normalize("NFKD", code)[0]
