"""The chat endpoints as a reader's page uses them."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import pytest

from backend.chat.turn import Chat
from backend.core.tokens import VisitorTokens
from tests.chat.conftest import FakeRequests, bearer

SSE = {"Accept": "text/event-stream"}


async def ask(client: httpx.AsyncClient, question: str, **body: Any) -> dict[str, Any]:
    response = await client.post("/api/chat/turns", json={"question": question, **body})
    assert response.status_code == 200, response.text
    turn: dict[str, Any] = response.json()
    return turn


def events_of(text: str) -> list[tuple[int, str, dict[str, Any]]]:
    found = []
    for block in text.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
        if fields:
            found.append((int(fields["id"]), fields["event"], json.loads(fields["data"])))
    return found


async def test_a_finished_turn_quotes_its_sources_exactly(client: httpx.AsyncClient, chat: Chat) -> None:
    turn = await ask(client, "青山水库什么时候建成")
    assert turn["text"].startswith("青山水库建成于1958年。")
    for sentence in turn["sentences"]:
        assert sentence["citations"]
        for citation in sentence["citations"]:
            source = next(s for s in turn["sources"] if s["n"] == citation["source"])
            item = chat.answerer.engine.item(source["id"], frozenset({"public"}))
            assert item.text[citation["start"] : citation["end"]] == citation["quote"]


async def test_a_follow_up_by_number_finds_the_second_book(client: httpx.AsyncClient) -> None:
    first = await ask(client, "有没有余华写的书")
    second = await ask(client, "第二本哪里有", conversation_id=first["conversation_id"])
    assert len(first["sentences"]) >= 2
    assert second["intent"] == "locate"
    assert second["sources"][0]["id"] == first["sources"][1]["id"]
    third = await ask(client, "那本怎么借", conversation_id=first["conversation_id"])
    assert third["intent"] == "request_item"
    assert third["actions"][0]["kind"] == "request"
    assert third["actions"][0]["record_id"] == first["sources"][1]["id"]


async def test_an_ellipsis_keeps_the_question_before(client: httpx.AsyncClient) -> None:
    first = await ask(client, "周一几点开门")
    second = await ask(client, "那周末呢", conversation_id=first["conversation_id"])
    assert second["standalone_question"] == "周末几点开门"


async def test_events_come_in_order_and_join_to_the_text(client: httpx.AsyncClient) -> None:
    response = await client.post("/api/chat/turns", json={"question": "逾期滞纳金每册每天"}, headers=SSE)
    assert response.headers["x-accel-buffering"] == "no"
    events = events_of(response.text)
    assert [number for number, _, _ in events] == list(range(1, len(events) + 1))
    rank = ["meta", "sources", "delta", "citation", "replace", "actions", "done"]
    places = [rank.index(name) for _, name, _ in events]
    assert places == sorted(places)
    text = "".join(payload["text"] for _, name, payload in events if name == "delta")
    turn = events[-1][2]["turn"]
    assert text == turn["text"]
    for _, name, payload in events:
        if name == "citation":
            assert text[payload["start"] : payload["end"]] == turn["sentences"][payload["sentence"]]["text"]


async def test_a_cut_stream_goes_on_after_the_last_event(client: httpx.AsyncClient) -> None:
    whole = events_of((await client.post("/api/chat/turns", json={"question": "你好"}, headers=SSE)).text)
    turn_id = whole[0][2]["id"]
    for after in range(len(whole)):
        rest = await client.get(f"/api/chat/turns/{turn_id}/events", headers={"Last-Event-ID": str(after)})
        assert events_of(rest.text) == whole[after:]


async def test_an_old_turn_is_told_again_after_its_events_are_forgotten(client: httpx.AsyncClient, chat: Chat) -> None:
    turn = await ask(client, "青山水库什么时候建成")
    chat.bus.close()
    again = events_of((await client.get(f"/api/chat/turns/{turn['id']}/events")).text)
    assert "".join(payload["text"] for _, name, payload in again if name == "delta") == turn["text"]
    cut = events_of((await client.get(f"/api/chat/turns/{turn['id']}/events", headers={"Last-Event-ID": "4"})).text)
    assert [p["text"] for _, name, p in cut if name == "replace"] == [turn["text"]]
    assert min(number for number, _, _ in cut) > 4
    assert cut[-1][2]["turn"] == turn


async def test_the_same_key_asks_once(client: httpx.AsyncClient) -> None:
    first = await ask(client, "你好", idempotency_key="k1")
    assert await ask(client, "你好", idempotency_key="k1") == first
    other = await client.post("/api/chat/turns", json={"question": "谢谢", "idempotency_key": "k1"})
    assert other.status_code == 409


async def test_one_turn_at_a_time(client: httpx.AsyncClient, chat: Chat) -> None:
    first = await ask(client, "你好")
    together = [
        client.post("/api/chat/turns", json={"question": f"开放时间{n}", "conversation_id": first["conversation_id"]})
        for n in range(4)
    ]
    codes = sorted(response.status_code for response in await asyncio.gather(*together))
    assert codes[0] == 200
    assert set(codes) <= {200, 409}
    assert (await ask(client, "谢谢", conversation_id=first["conversation_id"]))["text"]


async def test_nobody_else_reads_a_conversation(client: httpx.AsyncClient, tokens: VisitorTokens) -> None:
    turn = await ask(client, "你好")
    stranger = bearer(tokens, "v_stranger")
    for path in (f"conversations/{turn['conversation_id']}", f"turns/{turn['id']}/events", f"turns/{turn['id']}"):
        assert (await client.get(f"/api/chat/{path}")).status_code == 200
        assert (await client.get(f"/api/chat/{path}", headers=stranger)).status_code == 404
    body = {"question": "谢谢", "conversation_id": turn["conversation_id"]}
    assert (await client.post("/api/chat/turns", json=body, headers=stranger)).status_code == 404
    handoff = f"/api/chat/conversations/{turn['conversation_id']}/handoff"
    assert (await client.post(handoff, json={}, headers=stranger)).status_code == 404
    assert (await client.get(f"/api/chat/conversations/{turn['conversation_id']}")).json()["turns"] == [turn]


async def test_without_a_token_nothing(client: httpx.AsyncClient) -> None:
    response = await client.post("/api/chat/turns", json={"question": "你好"}, headers={"Authorization": ""})
    assert response.status_code == 401
    assert response.json()["error"]["code"] == "unauthenticated"


@pytest.mark.parametrize(
    ("question", "status"),
    [("", 422), ("   \n\t", 422), ("\x00\x01\x7f", 422), ("长" * 10_000, 422), ("\u200b\u202e", 422), ("\ud800", 422)],
)
async def test_questions_that_cannot_be_answered_are_one_clear_error(
    client: httpx.AsyncClient, question: str, status: int
) -> None:
    content = json.dumps({"question": question}).encode()
    response = await client.post("/api/chat/turns", content=content, headers={"Content-Type": "application/json"})
    assert response.status_code == status, response.text
    assert response.json()["error"]["code"] == "invalid_input"


@pytest.mark.parametrize(
    "question", ["🙂🙂🙂", "？？？", "开放\x00时间\x07", "' OR 1=1 --", "<script>alert(1)</script>"]
)
async def test_odd_questions_get_a_sensible_turn(client: httpx.AsyncClient, question: str) -> None:
    turn = await ask(client, question)
    assert turn["text"]
    assert "\x00" not in turn["question"]


async def test_malformed_json_is_the_one_error_shape(client: httpx.AsyncClient) -> None:
    response = await client.post("/api/chat/turns", content=b"{", headers={"Content-Type": "application/json"})
    assert response.status_code == 400
    assert response.json()["error"]["code"] == "malformed_body"


async def test_a_request_is_told_to_its_reader_only(
    client: httpx.AsyncClient, chat: Chat, tokens: VisitorTokens
) -> None:
    assert isinstance(chat.requests, FakeRequests)
    chat.requests.owner = "v_reader"
    turn = await ask(client, "查一下申请 LW-K7M2-9QXDA 的进度")
    assert turn["intent"] == "request_status"
    assert "已发出" in turn["text"]
    assert "已发出" in (await ask(client, "我的申请到哪一步了"))["text"]
    body = {"question": "查一下申请 LW-K7M2-9QXDA 的进度"}
    other = await client.post("/api/chat/turns", json=body, headers=bearer(tokens, "v_stranger"))
    assert "已发出" not in other.json()["text"]


async def test_feedback_and_handoff(client: httpx.AsyncClient, chat: Chat) -> None:
    turn = await ask(client, "我想转人工")
    assert turn["intent"] == "librarian"
    assert [action["kind"] for action in turn["actions"]] == ["handoff"]
    assert (await client.post(f"/api/chat/turns/{turn['id']}/feedback", json={"helpful": False})).status_code == 204
    base = f"/api/chat/conversations/{turn['conversation_id']}"
    assert (await client.post(f"{base}/messages", json={"text": "在吗"})).status_code == 409
    assert (await client.post(f"{base}/handoff", json={"note": "急"})).json()["state"] == "waiting"
    assert (await client.post(f"{base}/messages", json={"text": "在吗"})).json()["text"] == "在吗"
    assert (await client.get(base)).json()["handoff"]["messages"][0]["text"] == "在吗"


async def test_a_branch_source_never_reaches_the_public(client: httpx.AsyncClient) -> None:
    turn = await ask(client, "石墨烯散热膜的导热系数不低于多少")
    assert turn["refused"]
    assert "ACME" not in json.dumps(turn, ensure_ascii=False)
    assert "石墨烯散热膜技术要求" not in json.dumps(turn["sources"], ensure_ascii=False)
