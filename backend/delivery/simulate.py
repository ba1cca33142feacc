"""Replay a year of requests under a routing rule: fill rate, turnaround, cost, fairness. Pure and repeatable.

The year is synthetic (seeded) or the consortium's own history (:mod:`backend.delivery.replay`). All rules see the same
requests, the same holdings and the same luck: whether a library finds its copy is drawn once for each request and
library.
"""

from __future__ import annotations

import math
import random
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from backend.delivery.routing import Candidate, Place, Policy, Rule, rank, tie

ANSWER_DAYS = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Library:
    """``size`` share of holdings, ``demand`` share of requests, ``speed`` usual days to supply, ``joins`` on that day,
    ``capacity`` requests a day that it can handle before work piles up, ``goal`` how many more it means to lend than to
    borrow."""

    code: str
    size: float
    demand: float
    speed: float
    price_fen: int
    x: float = 0.0
    y: float = 0.0
    joins: int = 0
    capacity: float = 4.0
    goal: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """A request on a day: who asks, who holds it; ``found`` those whose copy is really there."""

    number: str
    day: float
    requester: str
    holders: tuple[str, ...]
    found: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """``fill`` 0–1; days from asking to supplying (median, 90th percentile); yuan a filled request; Gini of net balance
    (see :func:`gini`); ``worst``: largest net giving; ``newcomer``: net
    balance of the libraries that joined during the year, per request they took part in; ``asked`` per request."""

    rule: str
    requests: int
    fill: float
    median_days: float
    p90_days: float
    cost_yuan: float
    gini: float
    worst: int
    newcomer: float
    asked: float
    balances: Mapping[str, int] = field(default_factory=dict)


def synthetic_libraries(count: int = 12, *, seed: int = 1) -> list[Library]:
    """A city library, a college, and ever smaller county libraries, two of which join in mid-year."""
    luck = random.Random(seed)
    made = []
    for index in range(count):
        size = 1.0 / (index + 1) ** 0.8
        made.append(
            Library(
                code=f"L{index + 1:02d}",
                size=size,
                demand=0.4 + luck.random() * 0.8,
                speed=1.0 + luck.random() * 4,
                price_fen=luck.choice((0, 0, 300, 500, 800)),
                x=luck.random() * 200,
                y=luck.random() * 200,
                joins=180 if index in (count - 1, count // 2) else 0,
                capacity=2 + 6 * size,
            )
        )
    return made


def synthetic_year(libraries: Sequence[Library], *, requests: int = 4000, seed: int = 1) -> list[Ask]:
    """Requests spread over 365 days; each title is held by one to five other libraries, larger ones more often."""
    luck = random.Random(seed + 1)
    asks = []
    for index in range(requests):
        day = index * 365 / requests
        present = [library for library in libraries if library.joins <= day]
        requester = luck.choices(present, [library.demand for library in present])[0]
        others = [library for library in present if library is not requester]
        wanted = min(len(others), luck.choices((1, 2, 3, 4, 5), (20, 25, 25, 18, 12))[0])
        holders: list[str] = []
        while len(holders) < wanted:
            chosen = luck.choices(others, [library.size for library in others])[0].code
            if chosen not in holders:
                holders.append(chosen)
        found = frozenset(code for code in holders if luck.random() < 0.8)
        asks.append(
            Ask(number=f"S{index}", day=day, requester=requester.code, holders=tuple(sorted(holders)), found=found)
        )
    return asks


def replay(asks: Sequence[Ask], libraries: Sequence[Library], rule: Rule, *, name: str) -> Outcome:
    """Run every request through its rota, in time order."""
    known = {library.code: library for library in libraries}
    state = _State(known)
    days: list[float] = []
    cost = asked = 0
    for ask in asks:
        state.advance(ask.day)
        waited = 0.0
        for place in rule([state.candidate(ask, code) for code in ask.holders], ask.number):
            asked += 1
            if place.supplier in ask.found:
                days.append(waited + state.supply(ask, place.supplier))
                cost += known[place.supplier].price_fen
                break
            waited += ANSWER_DAYS
    net = {code: state.lent[code] - state.borrowed[code] - library.goal for code, library in known.items()}
    late = [code for code, library in known.items() if library.joins]
    late_total = sum(state.lent[code] + state.borrowed[code] for code in late)
    ordered = sorted(days)
    return Outcome(
        rule=name,
        requests=len(asks),
        fill=len(days) / max(1, len(asks)),
        median_days=statistics.median(days) if days else math.nan,
        p90_days=ordered[int(len(ordered) * 0.9)] if days else math.nan,
        cost_yuan=cost / 100 / max(1, len(days)),
        gini=gini(list(net.values()), [state.lent[code] + state.borrowed[code] for code in known]),
        worst=max(net.values(), default=0),
        newcomer=sum(net[code] for code in late) / late_total if late_total else 0.0,
        asked=asked / max(1, len(asks)),
        balances=net,
    )


class _State:
    """Who lent what, and how much work lies before each library, as the year goes on."""

    def __init__(self, known: Mapping[str, Library]) -> None:
        self._known = known
        self.lent = dict.fromkeys(known, 0)
        self.borrowed = dict.fromkeys(known, 0)
        self._queue = dict.fromkeys(known, 0.0)
        self._seen: dict[str, list[float]] = {code: [] for code in known}
        self._day = 0.0

    def advance(self, day: float) -> None:
        for code, library in self._known.items():
            self._queue[code] = max(0.0, self._queue[code] - library.capacity * (day - self._day))
        self._day = day

    def candidate(self, ask: Ask, code: str) -> Candidate:
        library, home = self._known[code], self._known[ask.requester]
        recent = self._seen[code][-50:]
        return Candidate(
            supplier=code,
            price_fen=library.price_fen,
            balance=self.lent[code] - self.borrowed[code] - library.goal,
            activity=self.lent[code] + self.borrowed[code],
            queue=int(self._queue[code]),
            turnaround_days=statistics.median(recent) if len(recent) >= 3 else None,
            distance_km=math.hypot(library.x - home.x, library.y - home.y),
        )

    def supply(self, ask: Ask, code: str) -> float:
        """Days it takes: the work before it, the library's own pace, the way."""
        library, home = self._known[code], self._known[ask.requester]
        own = self._queue[code] / library.capacity + library.speed
        self._queue[code] += 1
        self.lent[code] += 1
        self.borrowed[ask.requester] += 1
        self._seen[code].append(own)
        return own + math.hypot(library.x - home.x, library.y - home.y) / 100


def gini(net: Sequence[float], activity: Sequence[float]) -> float:
    """Gini coefficient of net balances: mean absolute difference of all pairs over twice the mean activity.

    Net balances add up to nothing, so the usual denominator (their mean) would be nothing too; measured against what
    each library lent and borrowed, 0 is perfect balance and 0.5 one half of the libraries giving all to the other.

    >>> gini([0, 0], [4, 4]), gini([4, -4], [4, 4])
    (0.0, 0.5)
    """
    total = sum(activity)
    if not total:
        return 0.0
    ordered = sorted(net)
    count = len(ordered)
    weighted = sum((2 * place - count - 1) * value for place, value in enumerate(ordered, 1))
    return weighted / (count * total)


def by(key: Callable[[Candidate], float]) -> Rule:
    """A rule that asks in ascending order of ``key``."""

    def rule(candidates: Sequence[Candidate], number: str) -> list[Place]:
        ordered = sorted(candidates, key=lambda c: (key(c), tie(number, c.supplier)))
        return [Place(supplier=c.supplier, position=i, score=key(c), reasons=()) for i, c in enumerate(ordered, 1)]

    return rule


def plain_ratio(candidate: Candidate) -> float:
    """Lent divided by borrowed, as older systems rank: a newcomer's ratio is 0 and it is asked for everything."""
    lent = (candidate.activity + candidate.balance) / 2
    borrowed = (candidate.activity - candidate.balance) / 2
    return lent / borrowed if borrowed else (math.inf if lent else 0.0)


def rules(policy: Policy | None = None) -> dict[str, Rule]:
    """The rules that ``lianwen delivery simulate`` compares."""
    return {
        "ours": lambda candidates, number: rank(candidates, number=number, policy=policy),
        "random": by(lambda _candidate: 0.0),
        "cheapest": by(lambda candidate: candidate.price_fen),
        "ratio": by(plain_ratio),
        "nearest": by(lambda candidate: candidate.distance_km or 0.0),
    }
