"""Exactly once, over any number of cuts; and turns whose process is gone."""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
import redis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import update

from backend.chat import routes, store, telling, turn
from backend.chat.models import Conversation
from backend.chat.turn import Chat
from backend.core.db import Database, now
from backend.core.errors import Conflict
from backend.core.events import EventBus, InProcessBus, RedisBus
from tests.chat.conftest import caller
from tests.chat.scripted import FlakyBus, Reader, ScriptedAnswerer

REDIS_URL = os.environ.get("LIANWEN_TEST_REDIS_URL", "redis://127.0.0.1:6379/0")
QUESTION = "青山水库什么时候建成"

buses = pytest.mark.parametrize("kind", ["in_process", pytest.param("redis", marks=pytest.mark.services)])
bounded = settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(telling, "LOOK_SECONDS", 0.05)
    monkeypatch.setattr(turn, "RENEW_SECONDS", 0.05)


class Buses:
    """A bus and the way to let it forget everything, as a restart of it does."""

    def __init__(self, kind: str) -> None:
        self._prefix = f"test-{secrets.token_hex(6)}:"
        self.bus: EventBus = InProcessBus() if kind == "in_process" else RedisBus(REDIS_URL, prefix=self._prefix)

    def forget(self) -> None:
        if isinstance(self.bus, InProcessBus):
            self.bus.close()
            return
        with redis.Redis.from_url(REDIS_URL) as client:
            for key in client.scan_iter(f"{self._prefix}*"):
                client.delete(key)

    def close(self) -> None:
        self.forget()
        self.bus.close()


def chat_of(database: Database, bus: EventBus, answerer: Any) -> Chat:
    return Chat(database=database, bus=bus, answerer=answerer)


async def read(chat: Chat, turn_id: str, reader: Reader, *, at_most: int = 10_000) -> None:
    """Take up to ``at_most`` events and hang up."""
    events = chat.telling.events(turn_id, after=reader.last, idle=0.2)
    taken = 0
    while taken < at_most and not reader.over:
        event = await asyncio.wait_for(anext(events, None), 10)
        if event is not None:
            reader.take(event)
            taken += 1
    await events.aclose()


@buses
@bounded
@given(
    texts=st.lists(st.text("甲乙丙 。\n🙂", min_size=1, max_size=6), min_size=1, max_size=12),
    cuts=st.lists(st.integers(0, 5), max_size=12),
    wrong=st.sampled_from(["", "错的开头。"]),
    forget=st.booleans(),
)
def test_the_text_is_told_exactly_once_over_any_cuts(
    database: Database, kind: str, texts: list[str], cuts: list[int], wrong: str, forget: bool
) -> None:
    async def run() -> None:
        services = Buses(kind)
        chat = chat_of(database, services.bus, ScriptedAnswerer(texts, pause=0.001, wrong_start=wrong))
        started = chat.start(caller(), QUESTION)
        chat.launch(started, caller())
        reader = Reader()
        for number, cut in enumerate(cuts):
            await read(chat, started.turn_id, reader, at_most=cut)
            if forget and number == len(cuts) // 2 and not chat.answering:
                services.forget()
        await read(chat, started.turn_id, reader)
        assert reader.turn is not None
        assert reader.text == reader.turn["text"] == "".join(texts)
        late = Reader()
        await read(chat, started.turn_id, late)
        assert late.text == reader.text
        await chat.close()
        services.close()

    asyncio.run(run())


@bounded
@given(
    texts=st.lists(st.text("甲乙丙。", min_size=1, max_size=6), min_size=1, max_size=8),
    down=st.frozensets(st.integers(1, 12), max_size=6),
)
def test_a_bus_that_fails_for_a_while_loses_no_text(database: Database, texts: list[str], down: frozenset[int]) -> None:
    async def run() -> None:
        chat = chat_of(database, FlakyBus(down), ScriptedAnswerer(texts))
        started = chat.start(caller(), QUESTION)
        chat.launch(started, caller())
        reader = Reader()
        await read(chat, started.turn_id, reader)
        assert reader.turn is not None
        assert reader.text == "".join(texts)
        await chat.close()

    asyncio.run(run())


def left_behind(database: Database, chat: Chat, *, seconds: int) -> Any:
    """A turn whose process died, with a lease of ``seconds`` ago."""
    started = chat.start(caller(), QUESTION)
    with database.begin() as session:
        old = now() - timedelta(seconds=seconds)
        session.execute(update(Conversation).values(busy_since=old))
    return started


async def test_a_turn_left_by_a_dead_process_is_ended_with_a_clear_word(database: Database) -> None:
    chat = chat_of(database, InProcessBus(), ScriptedAnswerer(["好。"]))
    started = left_behind(database, chat, seconds=store.STALE.seconds + 1)
    reader = Reader()
    reader.last = 7
    await read(chat, started.turn_id, reader)
    assert reader.error is not None
    assert reader.error["code"] == "interrupted"
    assert reader.last == 8
    again = chat.start(caller(), QUESTION, conversation_id=started.conversation_id)
    chat.launch(again, caller())
    reader = Reader()
    await read(chat, again.turn_id, reader)
    assert reader.text == "好。"
    await chat.close()


async def test_a_dead_turn_does_not_block_its_conversation(database: Database) -> None:
    chat = chat_of(database, InProcessBus(), ScriptedAnswerer(["好。"]))
    started = left_behind(database, chat, seconds=1)
    with pytest.raises(Conflict):
        chat.start(caller(), "谢谢", conversation_id=started.conversation_id)
    with database.begin() as session:
        session.execute(update(Conversation).values(busy_since=now() - 2 * store.STALE))
    assert chat.start(caller(), "谢谢", conversation_id=started.conversation_id).fresh
    with pytest.raises(Conflict, match="没有得到回答"):
        chat.turn(started.turn_id, caller().visitor)  # type: ignore[arg-type]
    await chat.close()


async def test_the_only_process_ends_what_its_earlier_life_left(database: Database) -> None:
    chat = chat_of(database, InProcessBus(), ScriptedAnswerer(["好。"]))
    started = left_behind(database, chat, seconds=0)
    assert chat.recover() == 1
    assert chat.recover() == 0
    reader = Reader()
    await read(chat, started.turn_id, reader)
    assert reader.error is not None
    await chat.close()


async def test_a_long_turn_keeps_its_lease(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "STALE", timedelta(seconds=0.3))
    chat = chat_of(database, InProcessBus(), ScriptedAnswerer(["甲。", "乙。"], pause=0.5))
    started = chat.start(caller(), QUESTION)
    chat.launch(started, caller())
    reader = Reader()
    await read(chat, started.turn_id, reader)
    assert reader.text == "甲。乙。"
    await chat.close()


async def test_another_process_can_stop_a_turn(database: Database) -> None:
    bus = InProcessBus()
    answering, other = (chat_of(database, bus, ScriptedAnswerer(["甲。", "乙。"], pause=0.6)) for _ in range(2))
    started = answering.start(caller(), QUESTION)
    answering.launch(started, caller())
    reader = Reader()
    while not reader.deltas:
        await read(other, started.turn_id, reader, at_most=1)
    visitor = caller().visitor
    assert visitor is not None
    await other.stop(started.turn_id, visitor)
    stopped = other.turn(started.turn_id, visitor)
    assert (stopped.reason, stopped.text) == ("stopped", "甲。")
    await read(other, started.turn_id, reader)
    assert reader.text == "甲。"
    await answering.close()
    await other.close()


async def test_closing_the_process_tells_readers_that_they_were_interrupted(database: Database) -> None:
    chat = chat_of(database, InProcessBus(), ScriptedAnswerer(["甲。", "乙。"], pause=5))
    started = chat.start(caller(), QUESTION)
    chat.launch(started, caller())
    await asyncio.sleep(0.1)
    await chat.close()
    reader = Reader()
    await read(chat, started.turn_id, reader)
    assert reader.error is not None


async def test_an_abandoned_stream_is_forgotten_and_can_still_be_told(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backend.core.events.LINGER_SECONDS", 0.0)
    bus = InProcessBus()
    chat = chat_of(database, bus, ScriptedAnswerer(["甲。", "乙。"]))
    ids = []
    for _ in range(30):
        started = chat.start(caller(), QUESTION)
        chat.launch(started, caller())
        await read(chat, started.turn_id, Reader(), at_most=2)
        await chat.finished(started.turn_id, visitor=caller().visitor)  # type: ignore[arg-type]
        ids.append(started.turn_id)
    assert len(bus._streams) < 5
    reader = Reader()
    reader.last = 3
    await read(chat, ids[0], reader)
    assert reader.text == "甲。乙。"
    await chat.close()


async def test_a_quiet_stream_is_kept_alive(database: Database) -> None:
    assert routes.HEARTBEAT == 15.0
    chat = chat_of(database, InProcessBus(), ScriptedAnswerer(["甲。"], pause=0.5))
    started = chat.start(caller(), QUESTION)
    chat.launch(started, caller())
    told = [event async for event in chat.telling.events(started.turn_id, idle=0.1)]
    assert told.count(None) >= 2
    assert [event.name for event in told if event][-1] == "done"
    quiet = (part async for part in routes._encoded(iterated([None])))
    assert [part async for part in quiet] == [b": heartbeat\n\n"]
    await chat.close()


async def iterated(events: list[Any]) -> AsyncIterator[Any]:
    for event in events:
        yield event


async def test_a_reader_who_does_not_read_holds_nothing_up(database: Database) -> None:
    chat = chat_of(database, InProcessBus(), ScriptedAnswerer([f"第{n}句。" for n in range(300)]))
    started = chat.start(caller(), QUESTION)
    chat.launch(started, caller())
    slow = chat.telling.events(started.turn_id)
    assert await anext(slow) is not None
    reader = Reader()
    await read(chat, started.turn_id, reader)
    assert reader.turn is not None
    rest = [event async for event in slow if event]
    assert "".join(str(event.payload["text"]) for event in rest if event.name == "delta") == reader.text
    await chat.close()
