"""Remembered answers: given again to nobody who might not have got them, and never a wrong kind."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import httpx
import pytest
import redis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backend.answer.answerer import Answerer
from backend.answer.intent import read
from backend.answer.values import Answer, Question
from backend.chat.cache import AnswerCache, CacheKey, InProcessCache, RedisCache, Remembered
from backend.chat.turn import Chat
from backend.search.engine import SearchEngine
from tests.answer.conftest import NAMES
from tests.chat.conftest import bearer
from tests.chat.test_routes import ask

REDIS_URL = os.environ.get("LIANWEN_TEST_REDIS_URL", "redis://127.0.0.1:6379/0")
PUBLIC = frozenset({"public"})
BRANCH = PUBLIC | {"branch:ACME"}


@pytest.fixture(params=["in_process", pytest.param("redis", marks=pytest.mark.services)])
def cache(request: pytest.FixtureRequest) -> Iterator[AnswerCache]:
    """At most three answers."""
    if request.param == "in_process":
        yield InProcessCache(3)
        return
    prefix = f"test-{secrets.token_hex(6)}:"
    yield RedisCache(REDIS_URL, 3, prefix=prefix)
    with redis.Redis.from_url(REDIS_URL) as client:
        for key in client.scan_iter(f"{prefix}*"):
            client.delete(key)


def test_a_cache_gives_back_what_was_put(cache: AnswerCache) -> None:
    assert cache.get("a") is None
    cache.put("a", b"1")
    cache.put("a", b"2")
    assert cache.get("a") == b"2"


def test_a_cache_is_bounded(cache: AnswerCache) -> None:
    for name in "abcdefgh":
        cache.put(name, name.encode())
    assert sum(cache.get(name) is not None for name in "abcdefgh") == 3


def test_the_least_recently_used_goes_first() -> None:
    cache = InProcessCache(2)
    cache.put("a", b"1")
    cache.put("b", b"2")
    cache.get("a")
    cache.put("c", b"3")
    assert (cache.get("a"), cache.get("b"), cache.get("c")) == (b"1", None, b"3")


@pytest.mark.parametrize("kind", ["in_process", pytest.param("redis", marks=pytest.mark.services)])
def test_an_answer_does_not_live_for_ever(kind: str) -> None:
    made: AnswerCache = (
        InProcessCache(3, ttl=0.0) if kind == "in_process" else RedisCache(REDIS_URL, 3, prefix="test-ttl:", ttl=0.001)
    )
    made.put("a", b"1")
    while kind == "redis" and made.get("a") is not None:
        pass
    assert made.get("a") is None


def question(text: str, *, member: str | None = "city", focus: tuple[str, ...] = ()) -> Question:
    reading = read(text)
    return Question(text=text, intent=reading.intent, language=reading.language, member=member, focus=focus)


def answered(answerer: Answerer, remembered: Remembered, asked: Question, audiences: frozenset[str]) -> Answer:
    """As the chat does it."""
    key = remembered.key(asked, audiences)
    known = remembered.recall(key) if key else None
    if known is not None:
        return known
    answer = answerer.answer(asked, audiences)
    if key:
        remembered.keep(key, answer)
    return answer


QUESTIONS = (
    "石墨烯散热膜的导热系数不低于多少",
    "请问石墨烯散热膜的导热系数不低于多少？",
    "图书馆周六和周日开放时间",
    "《活着》哪里有",
    "火星上的第一座城市叫什么",
    "怎么办理借书证",
    "如何办理借书证呢",
)
FRESH: dict[tuple[str, str | None, frozenset[str]], Answer] = {}


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    calls=st.lists(
        st.tuples(
            st.sampled_from(QUESTIONS), st.sampled_from(["city", "college", None]), st.sampled_from([PUBLIC, BRANCH])
        ),
        min_size=2,
        max_size=12,
    )
)
def test_whoever_asks_after_whom_gets_exactly_their_own_answer(
    engine: SearchEngine, calls: list[tuple[str, str | None, frozenset[str]]]
) -> None:
    answerer = Answerer(engine, names=lambda code: NAMES.get(code, ""), this_year=lambda: 2026)
    remembered = Remembered(answerer, InProcessCache(100))
    for text, member, audiences in calls:
        asked = question(text, member=member)
        given_answer = answered(answerer, remembered, asked, audiences)
        if (text, member, audiences) not in FRESH:
            FRESH[text, member, audiences] = answerer.answer(asked, audiences)
        fresh = FRESH[text, member, audiences]
        assert given_answer.model_dump(exclude={"confidence"}) == fresh.model_dump(exclude={"confidence"})
        if "branch:ACME" not in audiences:
            assert "一千二百" not in given_answer.model_dump_json()


@given(st.sampled_from(["form", "intent", "language", "member", "snapshot", "version"]), st.text(max_size=8))
def test_every_part_of_the_key_counts(part: str, value: str) -> None:
    key = CacheKey(
        form="f", intent="i", language="zh", member="m", audiences=("public",), snapshot="1", version="extractive"
    )
    changed = replace(key, **{part: value})
    assert (changed.digest() == key.digest()) == (changed == key)
    assert replace(key, audiences=("branch:A", "public")).digest() != key.digest()


@pytest.mark.parametrize(
    ("text", "change"),
    [
        ("火星上的第一座城市叫什么", {}),
        ("你好", {}),
        ("我的申请到哪一步了", {}),
        ("《活着》被谁借走了", {}),
        ("今天几点开门", {}),
        ("青山水库什么时候建成", {"reason": "stopped"}),
        ("青山水库什么时候建成", {"refused": True}),
        ("青山水库什么时候建成", {"sentences": ()}),
        ("青山水库什么时候建成", {"provenance": {"snapshot": "an older one"}}),
    ],
)
def test_what_is_never_kept(answerer: Answerer, text: str, change: dict[str, Any]) -> None:
    remembered = Remembered(answerer, InProcessCache(10))
    asked = question(text)
    answer = answerer.answer(asked, PUBLIC)
    answer = Answer.model_validate({**answer.model_dump(), **change})
    key = remembered.key(asked, PUBLIC)
    assert key is None or not remembered.keep(key, answer)
    assert remembered.counts["kept"] == 0


def test_an_answer_that_rests_on_the_conversation_has_no_key(answerer: Answerer) -> None:
    remembered = Remembered(answerer, InProcessCache(10))
    assert remembered.key(question("《活着》哪里有", focus=("b1",)), PUBLIC) is None
    assert Remembered(answerer, None).key(question("《活着》哪里有"), PUBLIC) is None


def test_a_quotation_that_no_longer_stands_is_not_given_again(
    answerer: Answerer, monkeypatch: pytest.MonkeyPatch
) -> None:
    remembered = Remembered(answerer, InProcessCache(10))
    asked = question("青山水库什么时候建成")
    key = remembered.key(asked, PUBLIC)
    assert key is not None
    assert remembered.keep(key, answerer.answer(asked, PUBLIC))
    assert remembered.recall(key) is not None
    item = answerer.engine.item("n1", PUBLIC)
    monkeypatch.setattr(answerer.engine, "item", lambda *_: replace(item, text="改" + item.text))
    assert remembered.recall(key) is None
    monkeypatch.setattr(answerer.engine, "item", lambda *_: None)
    assert remembered.recall(key) is None
    assert remembered.counts["stale"] == 2


def test_a_cache_that_cannot_be_reached_is_a_miss(answerer: Answerer) -> None:
    remembered = Remembered(answerer, RedisCache("redis://127.0.0.1:1/0", 3))
    asked = question("青山水库什么时候建成")
    key = remembered.key(asked, PUBLIC)
    assert key is not None
    assert remembered.recall(key) is None
    assert not remembered.keep(key, answerer.answer(asked, PUBLIC))
    assert remembered.counts["error"] == 2


async def test_the_same_question_is_answered_from_memory_and_regenerating_is_not(
    client: httpx.AsyncClient, chat: Chat, tokens: Any
) -> None:
    chat.remembered = Remembered(chat.answerer, InProcessCache(10))
    first = await ask(client, "青山水库什么时候建成？")
    second = await ask(client, "请问青山水库什么时候建成")
    told = ("text", "sentences", "sources", "actions", "suggestions", "provenance")
    assert [first[name] for name in told] == [second[name] for name in told]
    assert chat.remembered.counts["hit"] == 1
    again = await ask(client, "", regenerate=second["id"])
    assert chat.remembered.counts["hit"] == 1
    assert again["text"] == first["text"]
    other = await client.post(
        "/api/chat/turns", json={"question": "青山水库什么时候建成"}, headers=bearer(tokens, "v_other")
    )
    assert other.json()["id"] != first["id"]
    assert chat.remembered.counts["hit"] == 2
