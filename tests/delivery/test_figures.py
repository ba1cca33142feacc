"""Figures: they add up, and they can be exported."""

from __future__ import annotations

from datetime import timedelta

import pytest

from backend.core.db import Database, now
from backend.delivery import requests
from backend.delivery.figures import Exchange, by_month, exchanges, indicators, settlements, to_csv
from tests.delivery.library import PATRON, RULES, draft, in_days, item, staff_actor


@pytest.fixture
def busy(database: Database) -> Database:
    """Two copies and a loan supplied by the city, one refused, one cancelled, one open."""
    plans: list[tuple[str, str, dict[str, object]]] = [
        ("copy", "deliver", {}),
        ("copy", "deliver", {}),
        ("loan", "ship", {"due": in_days(9)}),
        ("loan", "decline", {"reason": "破损"}),
        ("loan", "cancel", {}),
        ("loan", "", {}),
    ]
    for index, (service, action, fields) in enumerate(plans):
        with database.begin() as session:
            asked = draft(item("city", item_id=f"r{index}"), service=service, pages="1-10" if service == "copy" else "")
            number = requests.place(session, asked, actor=PATRON, rules=RULES, visitor_id="v_1").number
            if action:
                actor = PATRON if action == "cancel" else staff_actor("city")
                requests.move(session, number, action, actor=actor, rules=RULES, **fields)
    return database


SPAN = {"since": now() - timedelta(days=1), "until": now() + timedelta(days=1)}


def test_every_request_is_counted_once(busy: Database) -> None:
    with busy.read() as session:
        lines = by_month(session, **SPAN)
        assert by_month(session, **SPAN, member="city") == []
    copies, loans = lines
    assert (copies.service, copies.requests, copies.filled, copies.fill) == ("copy", 2, 2, 1.0)
    assert (loans.requests, loans.filled, loans.unfilled, loans.cancelled, loans.open) == (4, 1, 1, 1, 1)
    assert loans.fill == 0.5
    assert copies.median_days is not None


def test_what_was_given_was_got(busy: Database) -> None:
    with busy.read() as session:
        given = exchanges(session, **SPAN)
    assert given == [
        Exchange(member="city", gave=3, got=0, net=3),
        Exchange(member="county-b", gave=0, got=3, net=-3),
    ]


def test_each_agreement_is_settled(busy: Database) -> None:
    with busy.read() as session:
        owed = settlements(session, **SPAN)
    assert sorted((line.service, line.supplies, line.pages, line.amount_fen) for line in owed) == [
        ("copy", 2, 20, 600),
        ("loan", 1, 0, 0),
    ]
    assert {(line.debtor, line.creditor) for line in owed} == {("county-b", "city")}


def test_the_indicators_come_from_the_figures(busy: Database) -> None:
    with busy.read() as session:
        found = indicators(by_month(session, **SPAN), exchanges(session, **SPAN))
    assert found[0].value == pytest.approx(75.0)
    assert found[2].value == 3
    assert indicators([], [], speed=1.5)[1].value == 1.5
    assert [indicator.value for indicator in indicators([], [])] == [None, None, 0.0]


def test_csv_holds_no_formula() -> None:
    text = to_csv([Exchange(member="=1+1", gave=1, got=2, net=-1)])
    assert text == "member,gave,got,net\r\n'=1+1,1,2,-1\r\n"
    assert to_csv([]) == ""
