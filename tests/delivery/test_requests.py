"""Placing, following, cancelling and moving requests."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import select

from backend.core.access import Caller, Visitor
from backend.core.db import Database
from backend.core.errors import Conflict, InputError, NotFound
from backend.core.jobs import JobRow
from backend.delivery import requests, store, timers
from backend.delivery.board import QueueBoard, RequestProgress
from backend.delivery.models import HistoryRow, RequestRow, RotaRow
from backend.delivery.values import Actor, RequestView
from backend.delivery.views import Viewer, actor_of_staff, actor_of_visitor
from tests.delivery.library import PATRON, RULES, draft, in_days, item, librarian, office, staff_actor

READER = Viewer(visitor_id="v_1")


def place(database: Database, asked: Any, **more: Any) -> RequestView:
    with database.begin() as session:
        return requests.place(session, asked, actor=PATRON, rules=RULES, visitor_id="v_1", **more)


def move(database: Database, number: str, action: str, actor: Actor, **more: Any) -> str:
    with database.begin() as session:
        return requests.move(session, number, action, actor=actor, rules=RULES, **more).state


def look(database: Database, number: str, viewer: Viewer = READER) -> RequestView:
    with database.read() as session:
        return requests.view(session, number, viewer=viewer, rules=RULES)


def test_a_request_is_routed_at_once_and_says_so(database: Database) -> None:
    made = place(database, draft(item("city", "college")))
    assert made.state == "requested"
    assert made.supplier is not None
    assert made.supplier.name in {"市馆", "学院馆"}
    assert [step.action for step in look(database, made.number, Viewer(staff=office())).history] == ["place"]
    assert made.can_cancel
    assert made.patron is not None


def test_the_own_library_is_asked_first(database: Database) -> None:
    made = place(database, draft(item("college", "county-b", "city")))
    assert made.supplier is not None
    assert made.supplier.code == "county-b"


def test_the_same_key_makes_one_request(database: Database) -> None:
    first = place(database, draft(item("city")), idempotency_key="k1")
    again = place(database, draft(item("city")), idempotency_key="k1")
    assert again.number == first.number
    with pytest.raises(Conflict):
        place(database, draft(item("city", item_id="r2")), idempotency_key="k1")
    with database.read() as session:
        assert len(session.scalars(select(RequestRow)).all()) == 1


def test_a_loan_goes_its_whole_way(database: Database) -> None:
    number = place(database, draft(item("city"))).number
    city, county = staff_actor("city"), staff_actor("county-b")
    steps: list[tuple[str, Actor, dict[str, Any], str]] = [
        ("accept", city, {}, "will_supply"),
        ("ship", city, {"due": in_days(30)}, "shipped"),
        ("receive", county, {}, "received"),
        ("ask_renewal", PATRON, {}, "renewal_asked"),
        ("grant_renewal", city, {"due": in_days(60)}, "received"),
        ("overdue", city, {}, "overdue"),
        ("recall", city, {}, "recalled"),
        ("return", county, {}, "returned"),
        ("check_in", city, {}, "completed"),
    ]
    for action, actor, fields, state in steps:
        assert move(database, number, action, actor, **fields) == state
    done = look(database, number)
    assert [step.state for step in done.history] == ["requested", *(state for *_, state in steps)]
    assert done.due == in_days(60)
    with database.read() as session:
        supply = store.supply(session, number)
        assert supply is not None
        assert (supply.supplier, supply.requester) == ("city", "county-b")
        assert [p.state for p in store.rota(session, number)] == ["supplied"]


def test_a_copy_goes_its_whole_way_and_may_be_repeated(database: Database) -> None:
    number = place(database, draft(item("city"), service="copy", pages="12-30")).number
    city = staff_actor("city")
    assert move(database, number, "deliver", city) == "delivered"
    assert move(database, number, "report_problem", PATRON, reason="缺第 20 页") == "will_supply"
    with database.read() as session:
        assert store.supply(session, number) is None
    assert move(database, number, "deliver", city) == "delivered"
    assert move(database, number, "confirm", PATRON) == "completed"
    with database.read() as session:
        supply = store.supply(session, number)
        assert supply is not None
        assert (supply.pages, supply.price_fen) == (19, 19 * 30)


def test_who_cannot_supply_hands_on_and_the_end_is_explained(database: Database) -> None:
    number = place(database, draft(item("city", "college"))).number
    for _ in range(2):
        supplier = look(database, number).supplier
        assert supplier is not None
        state = move(database, number, "decline", staff_actor(supplier.code), reason="破损")
    assert state == "unfilled"
    end = look(database, number)
    assert "已依次询问 2 家" in end.message
    assert "采购" in end.next_step
    assert "破损" not in end.model_dump_json()
    assert "破损" in look(database, number, Viewer(staff=office())).model_dump_json()


def test_a_supplier_that_answers_after_its_turn_changes_nothing(database: Database) -> None:
    number = place(database, draft(item("city", "college"))).number
    first = look(database, number).supplier
    assert first is not None
    move(database, number, "decline", staff_actor(first.code), reason="不在架")
    before = look(database, number)
    with pytest.raises(Conflict, match="已转给另一家"):
        move(database, number, "accept", staff_actor(first.code))
    assert look(database, number) == before


def test_a_stale_page_changes_nothing(database: Database) -> None:
    number = place(database, draft(item("city"))).number
    seen = look(database, number).version
    move(database, number, "accept", staff_actor("city"), version=seen)
    with pytest.raises(Conflict):
        move(database, number, "decline", staff_actor("city"), reason="x", version=seen)


def test_a_change_that_lost_the_race_is_refused_whole(database: Database) -> None:
    number = place(database, draft(item("city"))).number
    with database.read() as session:
        stale = store.request(session, number)
        assert stale is not None
    move(database, number, "accept", staff_actor("city"))
    with database.begin() as session:
        assert not store.change(session, stale, {"state": "cancelled"})


def test_others_neither_see_nor_move_a_request(database: Database) -> None:
    number = place(database, draft(item("city"))).number
    for viewer in (Viewer(visitor_id="v_2"), Viewer(), Viewer(staff=librarian("college"))):
        with pytest.raises(NotFound):
            look(database, number, viewer)
    for actor in (actor_of_visitor("v_2"), staff_actor("college")):
        with pytest.raises(NotFound):
            move(database, number, "cancel", actor)
    with pytest.raises(NotFound):
        look(database, "LW-2222-22222")
    assert look(database, number, Viewer(staff=librarian("city"))).patron is None
    assert look(database, number, Viewer(staff=librarian("county-b"))).patron is not None


def test_cancelling_depends_on_how_far_it_is(database: Database) -> None:
    early = place(database, draft(item("city"))).number
    with database.begin() as session:
        assert requests.cancel(session, early, actor=PATRON, rules=RULES).state == "cancelled"
        assert requests.cancel(session, early, actor=PATRON, rules=RULES).state == "cancelled"
    late = place(database, draft(item("city"))).number
    move(database, late, "accept", staff_actor("city"))
    with database.begin() as session:
        assert requests.cancel(session, late, actor=PATRON, rules=RULES).state == "cancel_asked"
    with pytest.raises(Conflict):  # the reader wants it no more: nobody else is asked
        move(database, late, "decline", staff_actor("city"), reason="不在架")
    assert move(database, late, "refuse_cancel", staff_actor("city")) == "will_supply"
    move(database, late, "ship", staff_actor("city"), due=in_days(20))
    with database.begin() as session, pytest.raises(Conflict):
        requests.cancel(session, late, actor=PATRON, rules=RULES)


def test_duplicates_and_excess_are_refused_with_the_reason(database: Database) -> None:
    first = place(database, draft(item("city")))
    with pytest.raises(Conflict) as duplicate:
        place(database, draft(item("city")))
    assert duplicate.value.detail == {"reason": "duplicate", "number": first.number}
    strict = requests.Rules(open_limit=1)
    with database.begin() as session, pytest.raises(Conflict) as excess:
        requests.place(session, draft(item("city", item_id="r2")), actor=actor_of_visitor("v_2"), rules=strict)
    assert excess.value.detail == {"reason": "patron_limit", "limit": 1}


def test_what_the_catalogue_does_not_know_goes_to_the_own_library(database: Database) -> None:
    number = place(database, draft(None, citation="李某. 未收录的书[M]. 1999")).number
    assert look(database, number).state == "review"
    county = staff_actor("county-b")
    assert move(database, number, "match", county, item=item("city", item_id="r9", title="已查到的书")) == "requested"
    found = look(database, number)
    assert (found.title, found.record_id) == ("已查到的书", "r9")
    lost = place(database, draft(None, citation="另一本未收录的书")).number
    assert move(database, lost, "give_up", county, reason="查无此书") == "unfilled"
    assert "查无此书" in look(database, lost).message
    assert move(database, lost, "reopen", county) == "review"


def test_nobody_who_may_supply_is_said_at_once(database: Database) -> None:
    made = place(database, draft(item("county-b", item_id="x"), member="city"))
    assert made.state == "unfilled"
    assert "没有外借协议" in made.message


@pytest.mark.parametrize(
    "bad",
    [
        {"patron_name": " "},
        {"patron_contact": "\x00"},
        {"needed_by": in_days(-3)},
        {"item": None, "citation": "x"},
        {"pages": "1" * 101},
    ],
)
def test_drafts_that_cannot_be_used_are_refused(database: Database, bad: dict[str, Any]) -> None:
    fields = {"found": item("city")} | bad
    found = fields.pop("item", fields.pop("found"))
    with pytest.raises(InputError):
        place(database, draft(found, **{key: value for key, value in fields.items() if key != "found"}))


def test_fields_a_step_needs_are_asked_for(database: Database) -> None:
    number = place(database, draft(item("city"))).number
    city = staff_actor("city")
    with pytest.raises(InputError):
        move(database, number, "decline", city)
    with pytest.raises(InputError):
        move(database, number, "ship", city)
    with pytest.raises(InputError):
        move(database, number, "ship", city, due=in_days(-1))
    with pytest.raises(Conflict):
        move(database, number, "deliver", city)
    with pytest.raises(Conflict):
        move(database, number, "no_such_thing", city)


def test_history_cannot_be_rewritten(database: Database) -> None:
    place(database, draft(item("city")))
    with pytest.raises(RuntimeError, match="append-only"), database.begin() as session:
        session.scalars(select(HistoryRow)).one().reason = "改写"
    with pytest.raises(RuntimeError, match="append-only"), database.begin() as session:
        session.delete(session.scalars(select(HistoryRow)).one())


def test_every_waiting_state_has_its_timer(database: Database) -> None:
    number = place(database, draft(item("city"))).number

    def timer() -> JobRow | None:
        with database.read() as session:
            return session.scalar(select(JobRow).where(JobRow.kind == timers.KIND, JobRow.unique_key == number))

    assert timer() is not None
    move(database, number, "accept", staff_actor("city"))
    assert timer() is None
    move(database, number, "ship", staff_actor("city"), due=in_days(10))
    move(database, number, "receive", staff_actor("county-b"))
    job = timer()
    assert job is not None
    assert job.due_at.date() == in_days(11)


def test_the_rota_keeps_reasons_for_every_library(database: Database) -> None:
    number = place(database, draft(item("city", "college"), service="copy", pages="1-60")).number
    with database.read() as session:
        places = session.scalars(select(RotaRow).where(RotaRow.number == number)).all()
    assert all(place.reasons for place in places)
    assert {place.state for place in places} == {"left_out"}
    assert "页数上限" in places[0].reasons[0]


def test_the_board_shows_what_concerns_a_librarian(database: Database) -> None:
    number = place(database, draft(item("city"))).number
    desk = QueueBoard(database, RULES)
    mine = desk.queue(staff=librarian("city"), view="todo")
    assert [shown["number"] for shown in mine.requests] == [number]
    assert {action["name"] for action in mine.requests[0]["actions"]} >= {"accept", "decline", "ship"}
    assert desk.queue(staff=librarian("college"), view="all").total == 0
    assert desk.queue(staff=librarian("county-b"), view="todo").total == 0
    assert desk.queue(staff=office(), view="open").counts == {
            "todo": 0, "attention": 0, "open": 1, "closed": 0, "all": 1
        }  # fmt: skip
    assert desk.queue(staff=office(), view="all", query="%").total == 0
    assert desk.queue(staff=office(), view="all", query="方志").total == 1
    with pytest.raises(InputError):
        desk.queue(staff=office(), view="x")


def test_a_librarian_moves_a_request_on_the_board(database: Database) -> None:
    number = place(database, draft(item("city"))).number
    desk = QueueBoard(database, RULES)
    asked = SimpleNamespace(action="accept", reason="", due=None, version=None, record_id="")
    with pytest.raises(NotFound):
        desk.move(number, asked, staff=librarian("college"))
    assert desk.move(number, asked, staff=librarian("city"))["state"] == "will_supply"
    assert desk.request(number, staff=librarian("city"))["patron"] is None


def test_a_notice_is_shown_once_to_the_library_that_must_act(database: Database) -> None:
    number = place(database, draft(item("city"))).number
    desk = QueueBoard(database, RULES)
    assert [notice["number"] for notice in desk.notices(staff=librarian("city"))] == [number]
    assert desk.notices(staff=librarian("city")) == []


def test_a_reader_hears_of_their_own_requests_only(database: Database) -> None:
    number = place(database, draft(item("city"))).number
    progress = RequestProgress(database)

    def caller(visitor: str) -> Caller:
        return Caller(address="127.0.0.1", visitor=Visitor(id=visitor, member="county-b", origin="http://localhost"))

    found = progress.status(number.lower().replace("-", ""), caller=caller("v_1"))
    assert found is not None
    assert (found.number, found.supplier) == (number, "市馆")
    assert progress.status(number, caller=caller("v_2")) is None
    assert [shown.number for shown in progress.recent(caller=caller("v_1"), limit=5)] == [number]
    assert progress.recent(caller=Caller(address="127.0.0.1"), limit=5) == []


def test_html_in_every_field_stays_text(database: Database) -> None:
    evil = "<script>alert(1)</script>"
    made = place(database, draft(item("city", title=evil), patron_name=evil, pickup=evil, note=evil))
    assert made.title == evil
    assert made.pickup == evil


def test_the_office_may_stand_in_for_any_library(database: Database) -> None:
    number = place(database, draft(item("city", "college"))).number
    assert move(database, number, "reroute", actor_of_staff(office()), reason="闭馆装修") == "requested"
