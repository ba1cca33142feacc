"""The readers' endpoints over HTTP."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi.testclient import TestClient

from backend.consortium.staff import StaffSessions, add_staff
from backend.core.db import Database
from backend.core.http import STAFF_COOKIE
from tests.delivery.readers import HIDDEN, KEY, URL, Reader


def asked(**more: Any) -> dict[str, Any]:
    return {"record_id": "r1", "service": "loan", "patron": {"name": "读者", "contact": "13800000000"}} | more


def test_a_reader_places_follows_and_cancels(reader: Reader, stranger: Reader) -> None:
    made = reader.post(URL, asked(pickup="county-b"), **{"Idempotency-Key": "a"})
    assert made.status_code == 201
    number = made.json()["number"]
    assert reader.post(URL, asked(pickup="county-b"), **{"Idempotency-Key": "a"}).json()["number"] == number
    seen = reader.get(f"{URL}/{number}").json()
    assert seen["state_label"] == "已发出请求"
    assert seen["history"][0]["text"] == "申请已提交。"
    assert seen["rota"] == []
    assert [shown["number"] for shown in reader.get(URL).json()] == [number]
    assert stranger.get(f"{URL}/{number}").status_code == 404
    assert stranger.post(f"{URL}/{number}/cancel").status_code == 404
    assert reader.post(f"{URL}/{number}/cancel", {"reason": "不需要了"}).json()["state"] == "cancelled"
    assert reader.post(f"{URL}/{number}/cancel").json()["state"] == "cancelled"


def test_a_citation_is_matched_and_shown_with_what_was_matched(reader: Reader) -> None:
    sure = reader.post(URL, asked(record_id=None, citation="陈某. 地方志编纂[M]. 北京, 2001: 12-20", service="copy"))
    assert sure.json()["state"] == "requested"
    assert sure.json()["matched"] == "按题名核对为《地方志编纂》"
    assert sure.json()["pages"] == "12-20"
    unsure = reader.post(URL, asked(record_id=None, citation="王某. 地方志编纂[M]. 北京, 1950"))
    assert unsure.json()["state"] == "review"
    assert "待馆员核对" in unsure.json()["matched"]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (asked(record_id="nothing"), 404, "not_found"),
        (asked(record_id=HIDDEN), 404, "not_found"),
        (asked(record_id=None), 422, "invalid_input"),
        (asked(service="gift"), 422, "invalid_input"),
        (asked(patron={"name": "", "contact": ""}), 422, "invalid_input"),
        (asked(needed_by="not a date"), 422, "invalid_input"),
        (asked(needed_by="2001-01-01"), 422, "invalid_input"),
        (asked(patron="me"), 422, "invalid_input"),
    ],
)
def test_what_cannot_be_placed_is_refused(reader: Reader, body: dict[str, Any], status: int, code: str) -> None:
    answer = reader.post(URL, body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert reader.get(URL).json() == []


def test_without_a_token_nothing_is_told(client: TestClient, reader: Reader) -> None:
    number = reader.post(URL, asked()).json()["number"]
    for answer in (client.get(f"{URL}/{number}"), client.post(URL, json=asked()), client.get(URL)):
        assert answer.status_code == 401
    assert client.get(f"{URL}/{number}", headers={"Authorization": "Bearer forged"}).status_code == 401


def test_librarians_concerned_see_it_too(client: TestClient, database: Database, reader: Reader) -> None:
    number = reader.post(URL, asked()).json()["number"]
    with database.begin() as session:
        add_staff(session, "county", password="long enough", member="county-b")
        add_staff(session, "other", password="long enough", member="county-a")
    sessions = StaffSessions(database, key=KEY, ttl=60)
    for username, status in (("county", 200), ("other", 404)):
        client.cookies.set(STAFF_COOKIE, sessions.sign_in(username, "long enough"))
        assert client.get(f"{URL}/{number}").status_code == status


def test_a_reader_does_only_what_readers_may(reader: Reader) -> None:
    number = reader.post(URL, asked()).json()["number"]
    assert reader.post(f"{URL}/{number}/actions", {"action": "accept"}).status_code == 422
    assert reader.post(f"{URL}/{number}/actions", {"action": "ask_renewal"}).status_code == 409
