"""Which of the demo's libraries hold a record: made up, but always the same for the same record.

A hash of the record's id decides how many libraries have it, which ones, and the state of each copy, so that some
titles stand in one place only, some in several, and some are lent out.
"""

from __future__ import annotations

import dataclasses
import hashlib

from indexer.records import Document, Holding, HoldingStatus, Record

CITY, NORMAL, VOCATIONAL, QINGXI, YUNSHAN = "SLCITY", "SLNORM", "SLVOC", "SLQX", "SLYS"

LOCATIONS = {
    CITY: ("三楼中文借阅区", "四楼外文与参考区"),
    NORMAL: ("主馆三楼社科借阅室", "主馆五楼外文阅览室"),
    VOCATIONAL: ("二楼综合书库", "二楼综合书库"),
    QINGXI: ("一楼成人借阅室", "一楼成人借阅室"),
    YUNSHAN: ("二楼总借阅室", "二楼总借阅室"),
}
"""Where a library keeps Chinese books, and where those in other languages."""

_WEIGHTS = ((CITY, 40), (NORMAL, 28), (VOCATIONAL, 11), (QINGXI, 12), (YUNSHAN, 9))
_HOLDERS = ((56, 1), (84, 2), (95, 3), (99, 4), (100, 5))
"""Of a hundred titles, 56 stand in one library only, 28 in two, 11 in three, 4 in four, one in all five."""


def with_holdings(thing: Record | Document) -> Record | Document:
    """The record with made-up holdings; one that brings its own from its source keeps their libraries and call numbers,
    and gets only the state of its copies."""
    if isinstance(thing, Document):
        return thing
    if thing.holdings:
        held = tuple(_in_state(thing.source_id, holding) for holding in thing.holdings)
    else:
        held = tuple(_made(thing, member) for member in holders(thing.source_id))
    return dataclasses.replace(thing, holdings=held)


def holders(source_id: str) -> tuple[str, ...]:
    """The libraries that have this record, the largest share first."""
    throw = _number(source_id, "how many", 100)
    count = next(number for limit, number in _HOLDERS if throw < limit)
    pool = list(_WEIGHTS)
    found: list[str] = []
    for turn in range(count):
        place = _number(source_id, f"who {turn}", sum(weight for _, weight in pool))
        for entry in pool:
            place -= entry[1]
            if place < 0:
                found.append(entry[0])
                pool.remove(entry)
                break
    return tuple(found)


def _made(record: Record, member: str) -> Holding:
    chinese = not record.languages or "chi" in record.languages or "zh" in record.languages
    holding = Holding(
        member=member,
        call_number=record.classifications[0].number if record.classifications else "",
        location=LOCATIONS[member][0 if chinese else 1],
        barcode=f"{member[2:]}{_number(record.source_id, member, 10**8):08d}",
        copies=2 if _number(record.source_id, f"copies {member}", 100) < 15 else 1,
    )
    return _in_state(record.source_id, holding)


def _in_state(source_id: str, holding: Holding) -> Holding:
    status = _status(source_id, holding)
    location = holding.location if holding.location != holding.member else LOCATIONS.get(holding.member, ("",))[0]
    return dataclasses.replace(holding, status=status, location=location, loanable=status in ("available", "on_loan"))


def _status(source_id: str, holding: Holding) -> HoldingStatus:
    throw = _number(source_id, f"state {holding.member} {holding.barcode}", 100)
    if throw < 18:
        return "on_loan"
    if throw < 23:
        return "reference"
    return "in_process" if throw < 24 else "available"


def _number(source_id: str, purpose: str, below: int) -> int:
    digest = hashlib.blake2b(f"{source_id}\0{purpose}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") % below
