"""A standard's state and the chain of what replaced what: decided from facts, pure.

What a source says of a standard's state grows old: one that will come into force does so by itself, and with it the
one it replaces ends. So the state is worked out for a day from the dates.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

IN_FORCE, COMING, WITHDRAWN, UNKNOWN = "现行", "即将实施", "废止", "未核实"
LONGEST_CHAIN = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Standard:
    """The facts about one standard; dates are None where the source has none."""

    item_id: str
    number: str
    title: str
    status: str = UNKNOWN
    issued: date | None = None
    effective: date | None = None
    replaces: tuple[str, ...] = ()
    replaced_by: tuple[str, ...] = ()

    def facts(self) -> dict[str, Any]:
        """What a follower wants to be told when it changes, as JSON."""
        return {
            "status": self.status,
            "effective": self.effective.isoformat() if self.effective else "",
            "replaced_by": list(self.replaced_by),
        }


Lookup = Callable[[str], Standard | None]
"""Finds a standard by its normalised number, among those that the caller may see."""


def standard_of(item_id: str, number: str, title: str, metadata: Mapping[str, Any]) -> Standard:
    """The facts in a document's metadata, whatever of them is there."""
    status = str(metadata.get("status") or "")
    return Standard(
        item_id=item_id,
        number=number,
        title=title.removeprefix(number).strip(" 　《》") or title,
        status=status if status in (IN_FORCE, COMING, WITHDRAWN) else UNKNOWN,
        issued=_day(metadata.get("issue_date")),
        effective=_day(metadata.get("effective_date")),
        replaces=_numbers(metadata.get("replaces")),
        replaced_by=_numbers(metadata.get("replaced_by")),
    )


def status_on(standard: Standard, day: date, find: Lookup) -> str:
    """The state on ``day``: what came into force meanwhile is in force, what it replaced is withdrawn."""
    if standard.status == COMING and standard.effective and standard.effective <= day:
        return IN_FORCE
    if standard.status == IN_FORCE:
        for number in standard.replaced_by:
            newer = find(number)
            if newer and newer.effective and newer.effective <= day:
                return WITHDRAWN
    return standard.status


def chain(standard: Standard, find: Lookup) -> tuple[Standard, ...]:
    """The standard with its forerunners and successors that can be seen, oldest first."""
    known = {standard.number: standard}
    _follow(standard, find, known, forward=False)
    _follow(standard, find, known, forward=True)
    return tuple(sorted(known.values(), key=_age))


def _follow(start: Standard, find: Lookup, known: dict[str, Standard], *, forward: bool) -> None:
    waiting = [start]
    while waiting and len(known) < LONGEST_CHAIN:
        here = waiting.pop(0)
        for number in here.replaced_by if forward else here.replaces:
            if number in known:
                continue
            found = find(number)
            if found is not None:
                known[number] = found
                waiting.append(found)


def _age(standard: Standard) -> tuple[date, str]:
    return (standard.effective or standard.issued or _year(standard.number), standard.number)


def _year(number: str) -> date:
    tail = number.rpartition("-")[2]
    return date(int(tail), 1, 1) if len(tail) == 4 and tail.isdigit() and tail >= "1000" else date.min


def _day(value: object) -> date | None:
    try:
        return date.fromisoformat(str(value)[:10]) if value else None
    except ValueError:
        return None


def _numbers(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        return tuple(part for part in value.replace("；", ";").replace("、", ";").split(";") if part.strip())
    return tuple(str(part) for part in value) if isinstance(value, list | tuple) else ()
