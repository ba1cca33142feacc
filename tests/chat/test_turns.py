"""A turn's neighbours: what is suggested next, answered anew, kept of a conversation, and counted."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import httpx
import pytest
from prometheus_client import CollectorRegistry, generate_latest

from backend.answer.answerer import Answerer
from backend.chat import suggest
from backend.chat.cache import InProcessCache, Remembered
from backend.chat.metrics import ChatMetrics
from backend.chat.suggest import Suggester
from backend.chat.turn import Chat
from backend.core.tokens import VisitorTokens
from tests.chat.conftest import bearer, caller
from tests.chat.test_routes import ask

PUBLIC = frozenset({"public"})


async def conversation(client: httpx.AsyncClient, turn: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = (await client.get(f"/api/chat/conversations/{turn['conversation_id']}")).json()
    return found


async def test_only_questions_with_answers_are_suggested(answerer: Answerer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suggest, "WAIT", 60.0)
    suggester = Suggester(answerer)
    wished = ("《兄弟》哪里有", "火星上的第一座城市叫什么", "谁借走了《活着》", "《活着》哪里有？", "《兄弟》哪里有")
    proven = await suggester.proven(wished, asked="请问《活着》哪里有", member="city", audiences=PUBLIC)
    assert proven == ("《兄弟》哪里有",)
    suggester.close()


async def test_a_suggestion_that_takes_too_long_to_prove_waits_for_the_next_reader(
    answerer: Answerer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(suggest, "WAIT", 0.01)
    may_answer, answer = threading.Event(), answerer.answer

    def patiently(*given: Any) -> Any:
        may_answer.wait(60)
        return answer(*given)

    monkeypatch.setattr(answerer, "answer", patiently)
    suggester = Suggester(answerer)
    wished = ("《兄弟》哪里有",)
    assert await suggester.proven(wished, asked="x", member="city", audiences=PUBLIC) == ()
    may_answer.set()
    monkeypatch.setattr(suggest, "WAIT", 60.0)
    assert await suggester.proven(wished, asked="x", member="city", audiences=PUBLIC) == wished
    suggester.close()


async def test_every_suggestion_of_a_turn_has_an_answer(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(suggest, "WAIT", 60.0)
    turn = await ask(client, "有没有余华写的书")
    assert turn["suggestions"]
    for text in turn["suggestions"]:
        answer = await ask(client, text)
        assert not answer["refused"]
        assert answer["sentences"]


async def test_an_answer_given_anew_takes_the_place_of_the_old_one(client: httpx.AsyncClient) -> None:
    first = await ask(client, "有没有余华写的书")
    second = await ask(client, "第二本哪里有", conversation_id=first["conversation_id"])
    again = await ask(client, "", regenerate=second["id"])
    assert again["id"] != second["id"]
    assert again["standalone_question"] == second["standalone_question"]
    kept = await conversation(client, first)
    assert [turn["id"] for turn in kept["turns"]] == [first["id"], again["id"]]


async def test_nobody_regenerates_anothers_turn(client: httpx.AsyncClient, tokens: VisitorTokens) -> None:
    turn = await ask(client, "你好")
    stranger = bearer(tokens, "v_stranger")
    response = await client.post("/api/chat/turns", json={"regenerate": turn["id"]}, headers=stranger)
    assert response.status_code == 404


async def test_a_reloaded_page_finds_feedback_and_the_question_under_way(client: httpx.AsyncClient, chat: Chat) -> None:
    turn = await ask(client, "青山水库什么时候建成")
    await client.post(f"/api/chat/turns/{turn['id']}/feedback", json={"helpful": False, "comment": "不对"})
    started = chat.start(caller(), "周末几点开门", conversation_id=turn["conversation_id"])
    kept = await conversation(client, turn)
    assert kept["feedback"] == {turn["id"]: False}
    assert kept["open"] == {"id": started.turn_id, "question": "周末几点开门", "state": "running"}
    chat.launch(started, caller())
    assert (await client.get(f"/api/chat/turns/{started.turn_id}/events")).text.count("event: done") == 1
    assert (await conversation(client, turn))["open"] is None


async def test_a_key_used_twice_at_once_asks_once(client: httpx.AsyncClient) -> None:
    body = {"question": "青山水库什么时候建成", "idempotency_key": "same"}
    answers = await asyncio.gather(*[client.post("/api/chat/turns", json=body) for _ in range(6)])
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["id"] for answer in answers}) == 1


async def test_operators_see_what_the_chat_does(client: httpx.AsyncClient, chat: Chat) -> None:
    chat.remembered = Remembered(chat.answerer, InProcessCache(10))
    registry = CollectorRegistry()
    registry.register(ChatMetrics(chat))
    for _ in range(3):
        await ask(client, "青山水库什么时候建成")
    told = generate_latest(registry).decode()
    assert 'lianwen_answer_cache_total{outcome="hit"} 2.0' in told
    assert 'lianwen_answer_cache_total{outcome="miss"} 1.0' in told
    assert "lianwen_turns_running 0.0" in told


async def test_a_stranger_can_do_nothing_with_anothers_conversation(
    client: httpx.AsyncClient, tokens: VisitorTokens
) -> None:
    turn = await ask(client, "青山水库什么时候建成")
    conversation_id = turn["conversation_id"]
    calls: list[tuple[str, str, dict[str, Any]]] = [
        ("GET", f"turns/{turn['id']}", {}),
        ("GET", f"turns/{turn['id']}/events", {}),
        ("POST", f"turns/{turn['id']}/stop", {}),
        ("POST", f"turns/{turn['id']}/feedback", {"helpful": False}),
        ("POST", "turns", {"question": "谢谢", "conversation_id": conversation_id}),
        ("POST", "turns", {"regenerate": turn["id"]}),
        ("GET", f"conversations/{conversation_id}", {}),
        ("GET", f"conversations/{conversation_id}/events", {}),
        ("POST", f"conversations/{conversation_id}/handoff", {}),
        ("POST", f"conversations/{conversation_id}/messages", {"text": "喂"}),
    ]
    for method, path, body in calls:
        for headers, status in ((bearer(tokens, "v_stranger"), 404), ({"Authorization": ""}, 401)):
            response = await client.request(method, f"/api/chat/{path}", json=body, headers=headers)
            assert response.status_code == status, (method, path)
            assert "1958" not in response.text
    kept = await conversation(client, turn)
    assert kept["turns"] == [turn]
    assert kept["feedback"] == {}


async def test_an_expired_token_keeps_the_conversation_when_it_is_renewed(
    client: httpx.AsyncClient, chat: Chat, tokens: VisitorTokens, monkeypatch: pytest.MonkeyPatch
) -> None:
    turn = await ask(client, "青山水库什么时候建成")
    path = f"/api/chat/conversations/{turn['conversation_id']}"
    monkeypatch.setattr(tokens, "_ttl", -1)
    expired = await client.get(path)
    assert (expired.status_code, expired.json()["error"]["code"]) == (401, "token_expired")
    monkeypatch.undo()
    known = tokens.read(client.headers["Authorization"].removeprefix("Bearer "), max_age=7 * 86_400)
    renewed = await client.get(path, headers=bearer(tokens, known.id))
    assert [kept["id"] for kept in renewed.json()["turns"]] == [turn["id"]]
