"""What a reader is told before they send a request, and their own erasure and news over HTTP."""

from __future__ import annotations

from datetime import timedelta

from fastapi.testclient import TestClient

from backend.core.db import Database, now
from backend.core.jobs import Runner
from backend.delivery import lapse, moves, requests, store
from backend.delivery.models import RequestRow
from backend.delivery.quote import yuan
from tests.delivery.library import PATRON, RULES, draft, in_days, item, staff_actor
from tests.delivery.readers import URL, Reader

BODY = {"record_id": "r1", "service": "loan", "patron": {"name": "李", "contact": "li@example.org"}}


def test_price_limits_and_conditions_are_told(reader: Reader) -> None:
    told = reader.post(f"{URL}/quote", {"record_id": "r1", "service": "copy", "pages": "1-10"}).json()
    assert told["available"]
    assert [library["position"] for library in told["libraries"]] == [1, 2]
    assert told["libraries"][0]["total_fen"] == 300
    assert any("每页 0.30 元，10 页合计 3.00 元" in line for line in told["conditions"])
    assert "按两馆协议，每件至多复制 50 页。" in told["conditions"]
    assert told["pages_left"] is None
    loan = reader.post(f"{URL}/quote", {"record_id": "r1", "service": "loan"}).json()
    assert "不收费。" in loan["conditions"]
    assert yuan(5) == "0.05"


def test_a_citation_is_shown_as_it_was_read_and_matched(reader: Reader) -> None:
    told = reader.post(f"{URL}/quote", {"citation": "陈某. 地方志编纂[M]. 北京: 某社, 2001.", "service": "loan"}).json()
    assert {part["label"]: part["value"] for part in told["understood"]} == {
        "题名": "地方志编纂", "责任者": "陈某", "出版者": "某社", "年": "2001"
    }  # fmt: skip
    assert told["matched"] == "按题名核对为《地方志编纂》"
    assert told["record_id"] == "r1"
    unsure = reader.post(f"{URL}/quote", {"citation": "李某 县志研究 2015", "service": "loan"}).json()
    assert unsure["record_id"] is None
    assert [each["record_id"] for each in unsure["candidates"]] == ["r1"]
    assert "馆员核对" in unsure["conditions"][0]


def test_quoting_keeps_nothing(reader: Reader, database: Database) -> None:
    reader.post(f"{URL}/quote", {"record_id": "r1", "service": "copy"})
    with database.read() as session:
        assert session.query(RequestRow).count() == 0


def test_what_cannot_be_quoted_says_why(reader: Reader, client: TestClient) -> None:
    assert reader.post(f"{URL}/quote", {"service": "loan"}).status_code == 422
    assert reader.post(f"{URL}/quote", {"record_id": "nothing", "service": "loan"}).status_code == 404
    assert reader.post(f"{URL}/quote", {"citation": "长" * 2001, "service": "loan"}).status_code == 422
    assert client.post(f"{URL}/quote", json={"record_id": "r1", "service": "loan"}).status_code == 401


def test_a_reader_is_told_once_what_happened_and_forgotten_at_their_wish(
    reader: Reader,
    stranger: Reader,
    database: Database,
) -> None:
    number = reader.post(URL, BODY).json()["number"]
    assert reader.post(f"{URL}/notices", {}).json() == []
    with database.begin() as session:
        row = store.request(session, number)
        assert row is not None
        moves.move(session, number, "accept", actor=staff_actor(row.supplier or ""), rules=RULES)
    assert [told["number"] for told in reader.post(f"{URL}/notices", {}).json()] == [number]
    assert reader.post(f"{URL}/notices", {}).json() == []
    assert reader.post(f"{URL}/{number}/erase", {}).status_code == 409
    reader.post(f"{URL}/{number}/cancel", {})
    with database.begin() as session:
        moves.move(session, number, "agree_cancel", actor=staff_actor(row.supplier or ""), rules=RULES)
    assert reader.get(f"{URL}/{number}").json()["can_erase"]
    assert stranger.post(f"{URL}/{number}/erase", {}).status_code == 404
    assert reader.post(f"{URL}/{number}/erase", {}).status_code == 204
    assert reader.get(f"{URL}/{number}").status_code == 404
    with database.read() as session:
        patron, row = store.patron(session, number), store.request(session, number)
        assert patron is not None
        assert row is not None
        assert (patron.name, patron.contact, patron.contact_hash, row.visitor_id) == ("", "", "", None)
        kept = " ".join(f"{entry.actor_name} {entry.reason} {entry.told}" for entry in store.history(session, number))
        assert "李" not in kept
        assert "li@example.org" not in kept


def test_a_request_ends_when_its_last_day_is_over(database: Database) -> None:
    with database.begin() as session:
        asked = draft(item("city"), needed_by=in_days(2))
        number = requests.place(session, asked, actor=PATRON, rules=RULES, visitor_id="v_1").number
    runner = Runner(database, {lapse.LAPSE_JOB: lapse.handler(database, RULES)})
    assert runner.drain() == 0
    with database.begin() as session:
        row = store.request(session, number)
        assert row is not None
        row.needed_by = now().date() - timedelta(days=2)
    runner.drain(moment=now() + timedelta(days=4))
    with database.read() as session:
        row = store.request(session, number)
        assert row is not None
        assert row.state == "unfilled"
        assert [place.state for place in store.rota(session, number)] == ["expired"]
        assert store.history(session, number)[-1].told == "已过您填写的最迟需要日期，申请已停止办理。"


def test_what_is_under_way_by_then_goes_on(database: Database) -> None:
    with database.begin() as session:
        asked = draft(item("city"), needed_by=in_days(2))
        number = requests.place(session, asked, actor=PATRON, rules=RULES, visitor_id="v_1").number
        requests.move(session, number, "accept", actor=staff_actor("city"), rules=RULES)
        row = store.request(session, number)
        assert row is not None
        row.needed_by = now().date() - timedelta(days=2)
    Runner(database, {lapse.LAPSE_JOB: lapse.handler(database, RULES)}).drain(moment=now() + timedelta(days=4))
    with database.read() as session:
        row = store.request(session, number)
        assert row is not None
        assert row.state == "will_supply"
