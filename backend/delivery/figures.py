"""Figures of delivery: fill rate, turnaround, who gave and got what, settlement, ISO 11620 indicators, CSV.

Read-only, and safe to run beside a busy queue. Months are calendar months in Beijing.
"""

from __future__ import annotations

import csv
import io
import math
import statistics
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from backend.core.days import BEIJING
from backend.delivery import store
from backend.delivery.lifecycle import State

COUNTED_OUT = frozenset({State.CANCELLED.value})


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One cell of the statistics. ``fill``: filled of those decided (cancelled and open ones left out), None without
    any. Days run from placing the request to supplying it."""

    month: str
    member: str
    service: str
    requests: int
    filled: int
    unfilled: int
    cancelled: int
    open: int
    fill: float | None
    median_days: float | None
    p90_days: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """What a member gave to others and got from others."""

    member: str
    gave: int
    got: int
    net: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """What ``debtor`` owes ``creditor`` under one agreement. Money in fen."""

    agreement: str
    debtor: str
    creditor: str
    service: str
    supplies: int
    pages: int
    amount_fen: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Indicator:
    """An indicator of ISO 11620 by its name there. ``value`` None: nothing to measure yet."""

    name: str
    value: float | None
    unit: str
    how: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Supplying:
    """How a library answers as supplier: of the requests it was asked. Days from being asked to supplying."""

    supplier: str
    asked: int
    supplied: int
    declined: int
    expired: int
    fill: float | None
    median_days: float | None
    p90_days: float | None


@dataclass(slots=True)
class _Tally:
    requests: int = 0
    filled: int = 0
    unfilled: int = 0
    cancelled: int = 0
    open: int = 0


Key = tuple[str, str, str]
BY_CELL: tuple[str, ...] = ("month", "member", "service")


def by_month(session: Session, *, since: datetime, until: datetime, member: str | None = None) -> list[Line]:
    """A line for each month, requesting member and service with a request placed in ``[since, until)``."""
    return grouped(session, by=BY_CELL, since=since, until=until, member=member)


def grouped(
    session: Session, *, by: Collection[str], since: datetime, until: datetime, member: str | None = None
) -> list[Line]:
    """A line for each value of month, member or service (those in ``by``; the others are left empty)."""
    tallies: dict[Key, _Tally] = defaultdict(_Tally)
    days: dict[Key, list[float]] = defaultdict(list)
    for placed in store.placed_between(session, since, until, member):
        month = placed.at.astimezone(BEIJING).strftime("%Y-%m")
        key = (
            month if "month" in by else "",
            placed.requester if "member" in by else "",
            placed.service if "service" in by else "",
        )
        _count(tallies[key], placed)
        if placed.days is not None:
            days[key].append(placed.days)
    return [_line(key, tallies[key], sorted(days[key])) for key in sorted(tallies)]


def _count(tally: _Tally, placed: store.Placed) -> None:
    tally.requests += 1
    if placed.days is not None:
        tally.filled += 1
    elif placed.state in (State.UNFILLED, State.LOST):
        tally.unfilled += 1
    elif placed.state in COUNTED_OUT:
        tally.cancelled += 1
    else:
        tally.open += 1


def supplying(session: Session, *, since: datetime, until: datetime, member: str | None = None) -> list[Supplying]:
    """A line for each library that was asked in that time, or one library's."""
    asked: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for supplier, state, count in store.answers_between(session, since, until):
        asked[supplier][state] += count
    days: dict[str, list[float]] = defaultdict(list)
    for supply in store.supplies_between(session, since, until):
        days[supply.supplier].append(supply.days)
    return [
        _supplying(supplier, states, sorted(days[supplier]))
        for supplier, states in sorted(asked.items())
        if member is None or supplier == member
    ]


def _supplying(supplier: str, states: dict[str, int], days: list[float]) -> Supplying:
    decided = sum(states.get(state, 0) for state in ("supplied", "declined", "expired", "passed"))
    return Supplying(
        supplier=supplier,
        asked=sum(states.values()),
        supplied=states.get("supplied", 0),
        declined=states.get("declined", 0),
        expired=states.get("expired", 0),
        fill=states.get("supplied", 0) / decided if decided else None,
        median_days=statistics.median(days) if days else None,
        p90_days=percentile(days, 0.9),
    )


def percentile(ordered: Sequence[float], part: float) -> float | None:
    """The nearest-rank percentile of ascending values; None of none.

    >>> percentile([1, 2, 3, 4, 5, 6, 7, 8, 9, 10], 0.9), percentile([], 0.5)
    (9, None)
    """
    return ordered[max(0, math.ceil(part * len(ordered)) - 1)] if ordered else None


def exchanges(session: Session, *, since: datetime, until: datetime) -> list[Exchange]:
    """Gave, got and net of every member with a supply in that time; the nets add up to nothing."""
    gave: dict[str, int] = defaultdict(int)
    got: dict[str, int] = defaultdict(int)
    for supply in store.supplies_between(session, since, until):
        if supply.supplier != supply.requester:
            gave[supply.supplier] += 1
            got[supply.requester] += 1
    return [
        Exchange(member=member, gave=gave[member], got=got[member], net=gave[member] - got[member])
        for member in sorted({*gave, *got})
    ]


def settlements(session: Session, *, since: datetime, until: datetime) -> list[Settlement]:
    """What is owed under each agreement for what was supplied in that time."""
    sums: dict[tuple[str, str, str, str], list[int]] = defaultdict(lambda: [0, 0, 0])
    for supply in store.supplies_between(session, since, until):
        if supply.agreement:
            total = sums[supply.agreement, supply.requester, supply.supplier, supply.service]
            total[0] += 1
            total[1] += supply.pages or 0
            total[2] += supply.price_fen
    return [
        Settlement(
            agreement=agreement, debtor=debtor, creditor=creditor, service=service,
            supplies=count, pages=pages, amount_fen=amount,
        )
        for (agreement, debtor, creditor, service), (count, pages, amount) in sorted(sums.items())
    ]  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One supply under an agreement, for settling. Money in fen."""

    number: str
    date: str
    service: str
    pages: int | None
    amount_fen: int
    title: str


def statement(session: Session, agreement: str, *, since: datetime, until: datetime) -> list[Statement]:
    """Every supply under one agreement in that time."""
    return [
        Statement(
            number=supply.number,
            date=supply.at.astimezone(BEIJING).date().isoformat(),
            service=supply.service,
            pages=supply.pages,
            amount_fen=supply.price_fen,
            title=title,
        )
        for supply, title in store.supplies_of(session, agreement, since, until)
    ]


def indicators(lines: Iterable[Line], given: Sequence[Exchange], *, speed: float | None = None) -> list[Indicator]:
    """The performance indicators of ISO 11620 on interlibrary lending that these figures can answer. Pure.

    ``speed``: the median of days from placing to supplying, over all requests.
    """
    cells = list(lines)
    filled, unfilled = sum(line.filled for line in cells), sum(line.unfilled for line in cells)
    supplied = sum(exchange.gave for exchange in given)
    decided = filled + unfilled
    return [
        Indicator(
            name="Percentage of Successful Interlibrary Loans",
            value=100 * filled / decided if decided else None,
            unit="%",
            how="filled requests of all that were decided; cancelled and open ones left out",
        ),
        Indicator(
            name="Speed of Interlibrary Lending",
            value=speed,
            unit="days",
            how="median of days from placing a request to supplying it",
        ),
        Indicator(
            name="Interlibrary supplies",
            value=float(supplied),
            unit="supplies",
            how="loans and copies to other members",
        ),
    ]


def to_csv(lines: Sequence[Any]) -> str:
    """Frozen rows of one kind as CSV with a header; texts that a spreadsheet would run as a formula are quoted."""
    if not lines:
        return ""
    return cells_to_csv([[column.name for column in fields(lines[0])], *(asdict(line).values() for line in lines)])


def cells_to_csv(rows: Iterable[Iterable[Any]]) -> str:
    """Rows of cells as CSV; texts that a spreadsheet would run as a formula are quoted."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\r\n")
    for row in rows:
        writer.writerow([_safe(value) for value in row])
    return file.getvalue()


def _safe(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r", "\n") else value


def _line(key: tuple[str, str, str], tally: _Tally, days: Sequence[float]) -> Line:
    month, member, service = key
    decided = tally.filled + tally.unfilled
    return Line(
        month=month,
        member=member,
        service=service,
        requests=tally.requests,
        filled=tally.filled,
        unfilled=tally.unfilled,
        cancelled=tally.cancelled,
        open=tally.open,
        fill=tally.filled / decided if decided else None,
        median_days=statistics.median(days) if days else None,
        p90_days=percentile(days, 0.9),
    )
