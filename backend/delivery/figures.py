"""Figures of delivery: fill rate, turnaround, who gave and got what, settlement, ISO 11620 indicators, CSV.

Read-only, and safe to run beside a busy queue. Months are calendar months in UTC.
"""

from __future__ import annotations

import csv
import io
import statistics
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

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


@dataclass(slots=True)
class _Tally:
    requests: int = 0
    filled: int = 0
    unfilled: int = 0
    cancelled: int = 0
    open: int = 0


def by_month(session: Session, *, since: datetime, until: datetime, member: str | None = None) -> list[Line]:
    """A line for each month, requesting member and service with a request placed in ``[since, until)``."""
    tallies: dict[tuple[str, str, str], _Tally] = defaultdict(_Tally)
    days: dict[tuple[str, str, str], list[float]] = defaultdict(list)
    for placed in store.placed_between(session, since, until, member):
        key = (placed.at.strftime("%Y-%m"), placed.requester, placed.service)
        tally = tallies[key]
        tally.requests += 1
        if placed.days is not None:
            tally.filled += 1
            days[key].append(placed.days)
        elif placed.state == State.UNFILLED or placed.state == State.LOST:
            tally.unfilled += 1
        elif placed.state in COUNTED_OUT:
            tally.cancelled += 1
        else:
            tally.open += 1
    return [_line(key, tallies[key], sorted(days[key])) for key in sorted(tallies)]


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


def indicators(lines: Iterable[Line], given: Sequence[Exchange]) -> list[Indicator]:
    """The performance indicators of ISO 11620 on interlibrary lending that these figures can answer. Pure."""
    cells = list(lines)
    filled, unfilled = sum(line.filled for line in cells), sum(line.unfilled for line in cells)
    weighted = [line.median_days for line in cells for _ in range(line.filled) if line.median_days is not None]
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
            value=statistics.median(weighted) if weighted else None,
            unit="days",
            how="median of the cells' medians, weighted by filled requests, from placing to supplying",
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
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\r\n")
    writer.writerow([column.name for column in fields(lines[0])])
    for line in lines:
        writer.writerow([_safe(value) for value in asdict(line).values()])
    return file.getvalue()


def _safe(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r") else value


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
        p90_days=days[min(len(days) - 1, int(len(days) * 0.9))] if days else None,
    )
