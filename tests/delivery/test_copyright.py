"""A patron gets so many pages of a work and no more, whoever supplies them."""

from __future__ import annotations

import pytest

from backend.core.db import Database
from backend.core.errors import Conflict
from backend.delivery import requests
from backend.delivery.copyright import CopyrightLedger, CopyrightLimits
from backend.delivery.rules import Rules
from backend.delivery.values import Actor
from backend.delivery.views import actor_of_visitor
from tests.delivery.library import draft, item, staff_actor

RULES = Rules(open_limit=None, copyright=CopyrightLedger(limits=CopyrightLimits(max_pages=20, max_share=0.1)))


def place(database: Database, pages: str, *, visitor: str = "v_1", contact: str = "a@example.org") -> str:
    actor: Actor = actor_of_visitor(visitor)
    with database.begin() as session:
        asked = draft(item("city"), service="copy", pages=pages, patron_contact=contact)
        return requests.place(session, asked, actor=actor, rules=RULES, visitor_id=visitor).number


def deliver(database: Database, number: str, **more: float) -> None:
    with database.begin() as session:
        requests.move(session, number, "deliver", actor=staff_actor("city"), rules=RULES, **more)  # type: ignore[arg-type]


def test_too_many_pages_are_refused_when_asked(database: Database) -> None:
    with pytest.raises(Conflict, match="至多复制 20 页"):
        place(database, "1-21")


def test_pages_add_up_over_requests_and_browsers(database: Database) -> None:
    deliver(database, place(database, "1-15"))
    second = place(database, "16-25", visitor="v_2")
    with pytest.raises(Conflict, match="此前已复制 15 页"):
        deliver(database, second)
    deliver(database, place(database, "16-25", visitor="v_3", contact="b@example.org"))


def test_too_large_a_share_is_refused_at_supply(database: Database) -> None:
    number = place(database, "1-5")
    with pytest.raises(Conflict, match="占全书 50%"):
        deliver(database, number, share=0.5)
    deliver(database, number, share=0.1)


def test_uncounted_pages_are_checked_by_what_the_supplier_counted(database: Database) -> None:
    number = place(database, "第三章")
    with pytest.raises(Conflict):
        deliver(database, number, pages=21)
    deliver(database, number, pages=20)
