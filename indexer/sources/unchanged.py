"""Records whose bytes are those of the last load: known by a hash, and not read again.

Reading a record costs twenty times what hashing it does. The reader asks for a few hundred records at once; what the
catalogue has stored from the same bytes, under the same rules, is passed on as :class:`Unchanged` and never parsed.
"""

from __future__ import annotations

import hashlib
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

from indexer.sources.iso2709 import RawRecord, Unreadable
from indexer.sources.marc_fields import clean
from indexer.sources.repair import FIELD_END, LEADER

Unchanged = Callable[[Mapping[str, str]], set[str]]
"""Of source ids with the digests of their bytes, those that are stored so."""

_TOGETHER = 500
_SPECIAL = b"uvxyz"
"""Leader/06 of holdings and authority records: a file with such is read in full, because they belong to others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A raw record or gap of a file, with its digest; ``same`` when the catalogue has it from the same bytes."""

    raw: RawRecord | Unreadable
    source_id: str = ""
    digest: str = ""
    same: bool = False


def watched(raws: Iterator[RawRecord | Unreadable], unchanged: Unchanged | None) -> Iterator[Seen]:
    """Every raw record in order, told whether it need be read. Without ``unchanged`` all must be."""
    if unchanged is None:
        yield from (Seen(raw=raw) for raw in raws)
        return
    read: deque[str] = deque(maxlen=4 * _TOGETHER)  # what the catalogue may not have stored yet
    whole = False
    while chunk := list(islice(raws, _TOGETHER)):
        seen = [_seen(raw) for raw in chunk]
        whole = whole or any(isinstance(one.raw, RawRecord) and one.raw.content[6:7] in _SPECIAL for one in seen)
        times = Counter(one.source_id for one in seen)
        asked = {one.source_id: one.digest for one in seen if one.source_id and times[one.source_id] == 1}
        same = set() if whole else unchanged(asked) - set(read)
        for one in seen:
            here = one.source_id in same
            if not here and one.source_id:
                read.append(one.source_id)
            yield Seen(raw=one.raw, source_id=one.source_id, digest=one.digest, same=here)


def _seen(raw: RawRecord | Unreadable) -> Seen:
    """With the id of field 001; without one (or where anything is odd) the record is read every time."""
    if not isinstance(raw, RawRecord) or raw.garbage or raw.open or raw.content[5:6] == b"d":
        return Seen(raw=raw)
    digest = hashlib.blake2b(raw.content, digest_size=20).hexdigest()
    return Seen(raw=raw, source_id=_control_number(raw.content), digest=digest)


def _control_number(content: bytes) -> str:
    entry = content[LEADER : LEADER + 12]
    base = content[12:17]
    if entry[:3] != b"001" or not entry.isdigit() or not base.isdigit():
        return ""
    start = int(base) + int(entry[7:])
    field = content[start : start + int(entry[3:7])]
    placed = content[int(base) - 1 : int(base)] == FIELD_END and field.endswith(FIELD_END)
    if not placed or not field.isascii() or b"\x1f" in field:
        return ""
    return clean(field[:-1].decode("ascii").strip("\x00 \t\r\n"))
