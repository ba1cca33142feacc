"""The simulation: repeatable, and our rule is fairer than chance and quicker than the plain ratio."""

from __future__ import annotations

import statistics

import pytest
from lxml import etree

from backend.delivery.simulate import Outcome, compare, gini
from backend.delivery.simulation_report import COLUMNS, rows, svg, table


@pytest.fixture(scope="module")
def years() -> list[dict[str, Outcome]]:
    return [{outcome.rule: outcome for outcome in compare(requests=1500, seed=seed)} for seed in (21, 22, 23)]


def mean(years: list[dict[str, Outcome]], rule: str, figure: str) -> float:
    return statistics.mean(float(getattr(year[rule], figure)) for year in years)


def test_the_same_seed_gives_the_same_year() -> None:
    assert compare(requests=200, seed=5) == compare(requests=200, seed=5)
    assert compare(requests=200, seed=5) != compare(requests=200, seed=6)


def test_what_is_given_is_what_is_got(years: list[dict[str, Outcome]]) -> None:
    assert all(sum(outcome.balances.values()) == 0 for year in years for outcome in year.values())


def test_a_filled_request_is_filled_under_every_rule(years: list[dict[str, Outcome]]) -> None:
    for year in years:
        assert len({outcome.fill for outcome in year.values()}) == 1


def test_our_rule_is_fairer_and_quicker_than_chance(years: list[dict[str, Outcome]]) -> None:
    for other in ("random", "cheapest"):
        assert mean(years, "ours", "gini") < 0.6 * mean(years, other, "gini")
        assert mean(years, "ours", "median_days") < mean(years, other, "median_days")


def test_our_rule_is_quicker_than_the_plain_ratio(years: list[dict[str, Outcome]]) -> None:
    assert mean(years, "ours", "median_days") < mean(years, "ratio", "median_days")
    assert mean(years, "ours", "cost_yuan") < mean(years, "ratio", "cost_yuan")


def test_newcomers_stay_near_balance(years: list[dict[str, Outcome]]) -> None:
    assert abs(mean(years, "ours", "newcomer")) < 0.5 * abs(mean(years, "random", "newcomer"))


def test_gini_of_nothing_and_of_one_that_gives_all() -> None:
    assert gini([], []) == 0.0
    assert gini([0, 0, 0], [0, 0, 0]) == 0.0
    assert gini([9, -3, -3, -3], [9, 3, 3, 3]) == pytest.approx(0.5)


def test_the_report_is_a_table_and_a_plot(years: list[dict[str, Outcome]]) -> None:
    outcomes = list(years[0].values())
    assert all(len(row) == len(COLUMNS) for row in rows(outcomes))
    assert table(outcomes).splitlines()[1].startswith("ours")
    drawn = etree.fromstring(svg(outcomes).encode())
    assert len(drawn.findall("{http://www.w3.org/2000/svg}circle")) == len(outcomes)
