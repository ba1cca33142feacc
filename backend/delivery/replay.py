"""The consortium's own history as a world to simulate in: who asked for what, who held it, who could supply.

Of a library that was asked it is known whether it supplied. Of one that was never asked it is drawn by lot, with the
share of its answers that were supplies; different seeds draw differently, so a study over several shows how much that
guess matters.
"""

from __future__ import annotations

import math
import random
import statistics
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from backend.consortium import store as consortium
from backend.consortium.values import Agreement, Member
from backend.core.errors import InputError
from backend.delivery import store
from backend.delivery.simulate import Ask, Library
from backend.delivery.simulation_study import World
from backend.delivery.store import Asked

USUAL_SPEED = 3.0
USUAL_SUPPLIES = 0.8
"""Days to supply, and share of answers that are supplies, of a library that never answered."""

KM_PER_DEGREE = 111.2


@dataclass(frozen=True, slots=True, kw_only=True)
class _Record:
    """What a library's past answers say of it."""

    speed: float
    supplies: float
    a_day: float


def worlds(session: Session, *, since: datetime, until: datetime, seeds: Sequence[int]) -> list[World]:
    """The requests placed in that time, once for each seed.

    :raises InputError: when there is nothing to replay.
    """
    asked = store.asked_between(session, since, until)
    members = {member.code: member for member in consortium.members(session)}
    places = [one for one in asked if one.requester in members and one.supplier in members]
    if not places:
        raise InputError("no request between members was placed in that time: nothing to replay")
    days = max(1.0, (until - since).total_seconds() / 86400)
    known = {code: _record([one for one in places if one.supplier == code], days) for code in members}
    libraries = _libraries(members, consortium.agreements(session), known, places, since)
    return [(libraries, _asks(places, known, since, random.Random(seed))) for seed in seeds]


def _record(places: Sequence[Asked], days: float) -> _Record:
    answered = [one for one in places if one.state in ("supplied", "declined", "expired")]
    supplied = [one for one in answered if one.state == "supplied"]
    taken = [one.days for one in supplied if one.days is not None]
    return _Record(
        speed=statistics.median(taken) if taken else USUAL_SPEED,
        supplies=(len(supplied) + 4 * USUAL_SUPPLIES) / (len(answered) + 4),
        a_day=max(1.0, 2 * len(supplied) / days),
    )


def _libraries(
    members: Mapping[str, Member],
    agreements: Sequence[Agreement],
    known: Mapping[str, _Record],
    places: Sequence[Asked],
    since: datetime,
) -> list[Library]:
    prices: dict[str, list[int]] = defaultdict(list)
    for agreement in agreements:
        prices[agreement.supplier].append(agreement.price_fen)
    demand = Counter(requester for _, requester in {(one.number, one.requester) for one in places})
    first: dict[str, datetime] = {}
    for one in places:
        for code in (one.requester, one.supplier):
            first[code] = min(first.get(code, one.at), one.at)
    placed = [(m.longitude, m.latitude) for m in members.values() if m.longitude is not None and m.latitude is not None]
    middle = (statistics.fmean(x for x, _ in placed), statistics.fmean(y for _, y in placed)) if placed else (0.0, 0.0)
    return [
        Library(
            code=code,
            size=1.0,
            demand=float(demand[code]),
            speed=known[code].speed,
            price_fen=round(statistics.fmean(prices[code])) if prices[code] else 0,
            x=(middle[0] if member.longitude is None else member.longitude)
            * KM_PER_DEGREE
            * math.cos(math.radians(middle[1])),
            y=(middle[1] if member.latitude is None else member.latitude) * KM_PER_DEGREE,
            joins=(first[code] - since).days if code in first else 0,
            capacity=known[code].a_day,
            goal=member.goal,
        )
        for code, member in members.items()
    ]


def _asks(places: Sequence[Asked], known: Mapping[str, _Record], since: datetime, luck: random.Random) -> list[Ask]:
    by_number: dict[str, list[Asked]] = defaultdict(list)
    for one in places:
        by_number[one.number].append(one)
    return [
        Ask(
            number=number,
            day=(held[0].at - since).total_seconds() / 86400,
            requester=held[0].requester,
            holders=tuple(sorted({one.supplier for one in held} - {held[0].requester})),
            found=frozenset(one.supplier for one in held if _would_supply(one, known[one.supplier], luck)),
        )
        for number, held in sorted(by_number.items(), key=lambda pair: (pair[1][0].at, pair[0]))
    ]


def _would_supply(place: Asked, record: _Record, luck: random.Random) -> bool:
    drawn = luck.random() < record.supplies
    return {"supplied": True, "declined": False, "expired": False}.get(place.state, drawn)
