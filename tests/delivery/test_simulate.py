"""The simulation: repeatable, and our rule is fairer than chance and quicker and cheaper than the plain ratio."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from lxml import etree

from backend.core.db import Database, now
from backend.core.errors import InputError
from backend.delivery import replay, requests
from backend.delivery.routing import Policy
from backend.delivery.simulate import gini, rules
from backend.delivery.simulate import replay as simulate
from backend.delivery.simulation_report import COLUMNS, differences, svg, table, to_json
from backend.delivery.simulation_study import Estimate, Summary, World, curve, study, synthetic_worlds
from tests.delivery.library import PATRON, RULES, draft, in_days, item, staff_actor


@pytest.fixture(scope="module")
def worlds() -> list[World]:
    return synthetic_worlds(requests=1200, libraries=12, seeds=range(21, 25))


@pytest.fixture(scope="module")
def found(worlds: list[World]) -> dict[str, Summary]:
    return {one.rule: one for one in study(worlds)}


def mean(found: dict[str, Summary], rule: str, figure: str) -> float:
    return found[rule].figures[figure].mean


def test_the_same_seed_gives_the_same_year() -> None:
    first, again, other = (study(synthetic_worlds(requests=200, libraries=6, seeds=[seed])) for seed in (5, 5, 6))
    assert first == again
    assert first != other


def test_what_is_given_is_what_is_got(worlds: list[World]) -> None:
    for members, asks in worlds[:2]:
        for name, rule in rules().items():
            assert sum(simulate(asks, members, rule, name=name).balances.values()) == 0


def test_a_filled_request_is_filled_under_every_rule(found: dict[str, Summary]) -> None:
    assert len({one.figures["fill"].mean for one in found.values()}) == 1


def surely_less(estimate: Estimate) -> bool:
    return estimate.mean + estimate.half < 0


@pytest.mark.parametrize("other", ["random", "cheapest"])
def test_our_rule_is_fairer_and_quicker_than_chance_and_cheapest(found: dict[str, Summary], other: str) -> None:
    assert mean(found, "ours", "gini") < 0.5 * mean(found, other, "gini")
    assert surely_less(found[other].versus["gini"])
    assert found[other].versus["median_days"].mean < 0


def test_our_rule_is_quicker_and_cheaper_than_the_plain_ratio(found: dict[str, Summary]) -> None:
    assert found["ratio"].versus["median_days"].mean < 0
    assert found["ratio"].versus["cost_yuan"].mean < 0


def test_newcomers_stay_near_balance(found: dict[str, Summary]) -> None:
    assert abs(mean(found, "ours", "newcomer")) < 0.5 * abs(mean(found, "random", "newcomer"))


def test_more_fairness_is_fairer_and_costs_time(worlds: list[World]) -> None:
    points = curve(worlds[:1])
    ginis = [one.figures["gini"].mean for one in points]
    assert ginis[0] > ginis[2] > ginis[4] > ginis[-1]
    assert points[0].figures["median_days"].mean < points[-1].figures["median_days"].mean


def test_gini_of_nothing_and_of_one_that_gives_all() -> None:
    assert gini([], []) == 0.0
    assert gini([0, 0, 0], [0, 0, 0]) == 0.0
    assert gini([9, -3, -3, -3], [9, 3, 3, 3]) == pytest.approx(0.5)


def test_an_interval_covers_what_students_t_says() -> None:
    estimate = Estimate.of([1.0, 2.0, 3.0, 4.0])
    assert estimate.mean == 2.5
    assert estimate.half == pytest.approx(3.182 * 1.2909944 / 2, rel=1e-5)
    assert Estimate.of([7.0]) == Estimate(7.0, 0.0)


def test_the_report_is_a_table_and_a_plot(found: dict[str, Summary]) -> None:
    summaries = list(found.values())
    assert table(summaries).splitlines()[1].startswith("ours")
    assert len(differences(summaries).splitlines()) == len(summaries)
    drawn = etree.fromstring(svg(summaries, summaries[:2]).encode())
    assert len(drawn.findall("{http://www.w3.org/2000/svg}circle")) == len(summaries) + 2
    stored = json.loads(json.dumps(to_json(summaries, [])))
    assert set(stored["rules"][0]["figures"]) == set(COLUMNS)


def test_our_own_history_is_replayed_under_another_policy(database: Database) -> None:
    """What was asked and answered is known; what nobody was asked is drawn, differently for each seed."""
    with database.begin() as session:
        for index in range(12):
            asked = draft(item("city", "college", item_id=f"h{index}"))
            number = requests.place(session, asked, actor=PATRON, rules=RULES, visitor_id="v_1").number
            row = requests.find(session, number)
            assert row is not None
            action = "decline" if index % 3 == 0 else "ship"
            first = staff_actor(row.supplier or "")
            requests.move(session, number, action, actor=first, rules=RULES, reason="无", due=in_days(9))
    since, until = now() - timedelta(days=1), now() + timedelta(days=1)
    with database.read() as session:
        made = replay.worlds(session, since=since, until=until, seeds=[1, 2])
    members, asks = made[0]
    assert {library.code for library in members} == {"city", "college", "county-a", "county-b"}
    assert len(asks) == 12
    assert {ask.requester for ask in asks} == {"county-b"}
    assert sum(not ask.found for ask in asks) <= 4
    [ours, *_] = study(made, policy=Policy(fairness=50.0))
    assert ours.figures["fill"].mean >= 8 / 12
    with database.read() as session, pytest.raises(InputError):
        replay.worlds(session, since=since, until=since, seeds=[1])
