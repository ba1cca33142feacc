"""Where the fields of an ISO 2709 record lie, also when its directory is wrong.

Chinese systems write such records in quantity: a file converted from GBK to UTF-8 keeps the lengths of the GBK bytes; a
record longer than 99,999 bytes cannot say so. Then the fields themselves, in order, are believed before the numbers.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

LEADER = 24
FIELD_END = b"\x1e"
RECORD_END = b"\x1d"
ENTRIES = re.compile(rb"(?:[0-9A-Za-z]{3}[0-9]{9})+\x1e")
"""A directory without fault."""
_ENTRY = re.compile(rb"([0-9A-Za-z]{3})([0-9]{4})([0-9]{5})")

Entry = tuple[bytes, int, int]
"""Tag, length and start of a field."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """A record's fields as bytes. ``sound``: the directory says where each of them lies. ``remark``: what did not fit,
    empty when it cost nothing."""

    leader: bytes
    fields: tuple[tuple[bytes, bytes], ...]
    sound: bool
    remark: str = ""


def layout(content: bytes) -> Layout:
    """Tags and contents of a record: by its directory where that is right, else by the order of the fields.

    :raises ValueError: with a reason to show when neither is possible.
    """
    end = content.find(FIELD_END, LEADER)
    if end < 0:
        raise ValueError("记录没有目录" if len(content) > LEADER + 1 else "记录只有头标，没有字段")
    if end == LEADER:
        raise ValueError("记录只有头标，没有字段")
    leader, directory, body = content[:LEADER], content[LEADER:end], content[end + 1 :].rstrip(RECORD_END)
    entries = [(tag, int(size), int(start)) for tag, size, start in _ENTRY.findall(directory)]
    if len(entries) * 12 == len(directory):
        bodies = _by_directory(entries, body)
        if bodies is not None:
            fields = tuple((tag, part) for (tag, _, _), part in zip(entries, bodies, strict=True))
            return Layout(
                leader=leader,
                fields=fields,
                sound=content[12:17] == b"%05d" % (end + 1),
                remark=_wrong_numbers(content, end + 1),
            )
    elif len(entries) != body.count(FIELD_END) and (shifted := _from_the_right(content[:end])):
        leader, entries = content[: end - 12 * len(shifted)], shifted
    return _by_order(leader, directory, entries, body)


def _wrong_numbers(content: bytes, base: int) -> str:
    """What the leader says wrongly of a record whose directory is right."""
    wrong = []
    if content[:5] != b"%05d" % len(content) and len(content) <= 99_999:
        wrong.append("记录长度")
    if content[12:17] != b"%05d" % base:
        wrong.append("数据基地址")
    return f"头标里的{'和'.join(wrong)}有误，已按实际内容读取" if wrong else ""


def _from_the_right(head: bytes) -> list[Entry]:
    """The entries of a directory that has lost or gained bytes at its beginning or in the leader, read from its end:
    each starts where the one before it ends, down to 0. Empty when that chain breaks before the first entry."""
    found: list[Entry] = []
    place = len(head) - 12
    while place >= 12 and (match := _ENTRY.fullmatch(head, place, place + 12)):
        entry = (match[1], int(match[2]), int(match[3]))
        if found and entry[1] + entry[2] != found[0][2]:
            break
        found.insert(0, entry)
        place -= 12
        if not entry[2]:
            return found
    rest = head[LEADER : place + 12]
    if found and 0 < len(rest) < 24:  # one entry that has lost bytes, or gained some: a control number as a rule
        return [(b"001", found[0][2], 0), *found]
    return []


def _by_directory(entries: Sequence[Entry], body: bytes) -> list[bytes] | None:
    """The fields where the directory says they are; None when one of them does not lie there."""
    found = []
    for _, size, start in entries:
        stop = start + size - 1
        part = body[start:stop]
        if body[stop : stop + 1] != FIELD_END or (start and body[start - 1 : start] != FIELD_END) or FIELD_END in part:
            return None
        found.append(part)
    return found


def _by_order(leader: bytes, directory: bytes, entries: Sequence[Entry], body: bytes) -> Layout:
    """The fields one after the other, their tags from the directory.

    :raises ValueError: when there are more or fewer of them and the directory does not tell which are missing.
    """
    parts = body.split(FIELD_END)
    if not parts[-1]:
        parts.pop()
    if not parts:
        raise ValueError("目录之后没有字段内容")
    steps = [directory[place : place + 3] for place in range(0, len(directory), 12)]
    if len(entries) == len(parts):
        remark = "目录与字段的位置不符，已按字段次序读取"
        fields = tuple(zip(_tags(entries), parts, strict=True))
    elif len(steps) == len(parts) and len(directory) % 12 == 0:
        remark = "目录里有损坏的条目，已按字段次序读取"
        fields = tuple(zip(steps, parts, strict=True))
    elif found := _by_anchors(entries, body) or _by_length(entries, parts):
        remark = f"目录有 {len(entries)} 个字段，正文有 {len(parts)} 个；按位置和长度能对应的字段读取"
        fields = found
    elif entries and len(parts) < len(entries):
        remark = f"目录有 {len(entries)} 个字段，正文只有 {len(parts)} 个；后面的字段已失去"
        fields = tuple(zip(_tags(entries), parts, strict=False))
    else:
        raise ValueError(f"目录损坏：目录有 {len(entries)} 个字段，正文有 {len(parts)} 个，无法对应")
    return Layout(leader=leader, fields=fields, sound=False, remark=remark)


def _tags(entries: Sequence[Entry]) -> list[bytes]:
    """The tags in the order in which their fields lie, so far as the starts can be believed."""
    if len({start for _, _, start in entries}) == len(entries):
        return [tag for tag, _, _ in sorted(entries, key=lambda entry: entry[2])]
    return [tag for tag, _, _ in entries]


def _by_anchors(entries: Sequence[Entry], body: bytes) -> tuple[tuple[bytes, bytes], ...]:
    """Fields that begin where the directory says and just behind another field's end; a field end inside one of them
    (a terminator that stands in its text) is dropped. Empty when a quarter of them do not."""
    borders = {0, *(match.end() for match in re.finditer(FIELD_END, body))}
    shift = _shift(entries, borders)
    starts = sorted({start + shift for _, _, start in entries if start + shift in borders} | {len(body)})
    following = dict(pairwise(starts))
    found = []
    for tag, size, start in entries:
        at = start + shift
        if at in following:
            stop = at + size if at + size in borders else following[at]
            found.append((tag, body[at:stop].replace(FIELD_END, b" ").rstrip(b" ")))
    return tuple(found) if len(found) * 4 > len(entries) * 3 else ()


def _shift(entries: Sequence[Entry], borders: set[int]) -> int:
    """By how much all starts are wrong: bytes lost or gained before the first field."""
    return max(range(-3, 4), key=lambda by: (sum(start + by in borders for _, _, start in entries), -abs(by)))


_SKIP_PART, _SKIP_ENTRY = 0.35, 0.6


def _by_length(entries: Sequence[Entry], parts: Sequence[bytes]) -> tuple[tuple[bytes, bytes], ...]:
    """Entries and fields in order, paired so that their lengths agree best; empty when they do not agree at all.

    The usual alignment of two sequences: leaving out a field costs less than leaving out an entry, because text that
    holds a stray field end is the commoner damage.
    """
    if len(entries) * len(parts) > _ALIGNED or not entries:
        return ()
    ordered = sorted(entries, key=lambda entry: entry[2])
    best = [[place * _SKIP_PART for place in range(len(parts) + 1)]]
    for tag, size, _ in ordered:
        row = [best[-1][0] + _SKIP_ENTRY]
        for place, part in enumerate(parts):
            paired = best[-1][place] + _unlike(tag, size, part)
            row.append(min(paired, row[place] + _SKIP_PART, best[-1][place + 1] + _SKIP_ENTRY))
        best.append(row)
    found: list[tuple[bytes, bytes]] = []
    number, place = len(ordered), len(parts)
    while number and place:
        tag, size, _ = ordered[number - 1]
        here = best[number][place]
        if here == best[number - 1][place - 1] + _unlike(tag, size, parts[place - 1]):
            found.insert(0, (tag, parts[place - 1]))
            number, place = number - 1, place - 1
        elif here == best[number][place - 1] + _SKIP_PART:
            place -= 1
        else:
            number -= 1
    return tuple(found) if len(found) * 4 > len(entries) * 3 else ()


_ALIGNED = 250_000


def _unlike(tag: bytes, size: int, part: bytes) -> float:
    """How badly a field fits an entry, 0 to 1: by its length, and by whether it has subfields."""
    shaped = (tag < b"010") != (b"\x1f" in part)
    return min(1.0, abs(size - 1 - len(part)) / max(size, len(part), 1) + (0.0 if shaped else 0.5))
