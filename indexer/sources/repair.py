"""What pymarc cannot read of an ISO 2709 record, made readable first: directories that do not fit their fields, fields
in another byte encoding, indicators that are no ASCII.

Chinese systems write such records in quantity: a file converted from GBK to UTF-8 keeps the lengths of the GBK bytes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

LEADER = 24
FIELD_END = b"\x1e"
SUBFIELD = b"\x1f"
_ENTRY = re.compile(rb"([0-9A-Za-z]{3})([0-9]{4})([0-9]{5})")
_LONGEST_FIELD = 9_999


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """A record's fields as bytes. ``sound``: the directory says where each of them lies."""

    leader: bytes
    fields: tuple[tuple[bytes, bytes], ...]
    sound: bool


def layout(content: bytes) -> Layout:
    """Tags and contents of a record: by its directory where that is right, else by the order of the fields.

    :raises ValueError: with a reason to show when neither is possible.
    """
    end = content.find(FIELD_END, LEADER)
    if end < 0:
        raise ValueError("记录没有目录")
    entries = _ENTRY.findall(content[LEADER:end])
    if not entries:
        raise ValueError("目录里没有字段")
    whole = (end - LEADER) == 12 * len(entries)
    base = end + 1
    body = content[base:].rstrip(b"\x1d")
    if whole and _points_at_fields(entries, body) and content[12:17] == b"%05d" % base:
        return Layout(
            leader=content[:LEADER],
            fields=tuple((tag, body[int(at) : int(at) + int(size) - 1]) for tag, size, at in entries),
            sound=True,
        )
    fields = body.split(FIELD_END)
    if fields and not fields[-1]:
        fields.pop()
    if len(fields) != len(entries):
        pointed = [(tag, body[int(at) : int(at) + int(size) - 1]) for tag, size, at in entries if int(at) < len(body)]
        if len(pointed) < len(entries):
            raise ValueError(f"目录有 {len(entries)} 个字段，正文有 {len(fields)} 个，无法对应")
        return Layout(
            leader=content[:LEADER],
            fields=tuple((tag, field.replace(FIELD_END, b"")) for tag, field in pointed),
            sound=False,
        )
    by_place = sorted(range(len(entries)), key=lambda number: int(entries[number][2]))
    ordered = by_place if len({int(entry[2]) for entry in entries}) == len(entries) else list(range(len(entries)))
    tags = [entries[number][0] for number in ordered]
    return Layout(leader=content[:LEADER], fields=tuple(zip(tags, fields, strict=True)), sound=False)


def _points_at_fields(entries: list[tuple[bytes, bytes, bytes]], body: bytes) -> bool:
    for _, size, at in entries:
        stop = int(at) + int(size) - 1
        if body[stop : stop + 1] != FIELD_END or (int(at) and body[int(at) - 1 : int(at)] != FIELD_END):
            return False
        if FIELD_END in body[int(at) : stop]:
            return False
    return True


def rebuilt(record: Layout, codec: str | None) -> bytes:
    """The record anew, with a right directory; with a ``codec``, its fields turned into UTF-8."""
    directory, body = b"", b""
    for tag, field in record.fields:
        content = _turned(tag, field, codec) + FIELD_END
        if len(content) > _LONGEST_FIELD:
            content = content[: _LONGEST_FIELD - 1].decode("utf-8", "ignore").encode() + FIELD_END
        directory += tag + b"%04d%05d" % (len(content), min(len(body), 99_999))
        body += content
    base = LEADER + len(directory) + 1
    leader = bytes(byte if 0x20 <= byte < 0x7F else 0x20 for byte in record.leader.ljust(LEADER, b" "))
    size = min(base + len(body) + 1, 99_999)
    mark = b"a" if codec else leader[9:10]
    head = b"%05d" % size + leader[5:9] + mark + b"22" + b"%05d" % base + leader[17:20] + b"4500"
    return head + directory + FIELD_END + body + b"\x1d"


def _turned(tag: bytes, field: bytes, codec: str | None) -> bytes:
    if tag < b"010" and tag.isdigit():
        return field.decode(codec or "latin-1", "replace").encode()
    indicators, *subfields = field.split(SUBFIELD)
    head = bytes(byte if 0x20 <= byte < 0x7F else 0x20 for byte in indicators[:2]).ljust(2, b" ")
    if not subfields and indicators:
        subfields = [b"a" + indicators]
    turned = [one.decode(codec, "replace").encode() if codec else one for one in subfields]
    return head + b"".join(SUBFIELD + one for one in turned)
