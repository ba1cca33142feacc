"""The in-process bus and the Redis bus behave alike."""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import Iterator

import pytest
import redis

from backend.core.errors import UpstreamError
from backend.core.events import Event, EventBus, InProcessBus, RedisBus

REDIS_URL = os.environ.get("LIANWEN_TEST_REDIS_URL", "redis://127.0.0.1:6379/0")


@pytest.fixture(params=["in_process", pytest.param("redis", marks=pytest.mark.services)])
def bus(request: pytest.FixtureRequest) -> Iterator[EventBus]:
    if request.param == "in_process":
        made: EventBus = InProcessBus()
        yield made
        made.close()
        return
    prefix = f"test-{secrets.token_hex(6)}:"
    made = RedisBus(REDIS_URL, prefix=prefix)
    yield made
    made.close()
    client = redis.Redis.from_url(REDIS_URL)
    for key in client.scan_iter(f"{prefix}*"):
        client.delete(key)
    client.close()


def test_events_are_numbered_from_one_within_their_stream(bus: EventBus) -> None:
    assert [bus.append("a", "delta", {"text": "你"}), bus.append("b", "delta", {}), bus.append("a", "done", {})] == [
        1,
        1,
        2,
    ]
    assert bus.replay("a") == [Event(1, "delta", {"text": "你"}), Event(2, "done", {})]


def test_replay_starts_after_the_given_event(bus: EventBus) -> None:
    for number in range(5):
        bus.append("a", "delta", {"n": number})
    assert [event.id for event in bus.replay("a", after=3)] == [4, 5]
    assert bus.replay("nothing") == []


async def test_a_follower_gets_what_was_and_what_comes(bus: EventBus) -> None:
    bus.append("a", "meta", {})

    async def collect() -> list[int]:
        seen = []
        async for event in bus.follow("a", idle=5):
            if event:
                seen.append(event.id)
                if event.name == "done":
                    break
        return seen

    task = asyncio.create_task(collect())
    await asyncio.sleep(0.05)
    await asyncio.to_thread(bus.append, "a", "delta", {})
    await asyncio.to_thread(bus.append, "a", "done", {})
    assert await asyncio.wait_for(task, 5) == [1, 2, 3]


async def test_two_followers_both_get_every_event(bus: EventBus) -> None:
    async def first() -> Event | None:
        async for event in bus.follow("a", idle=5):
            return event
        return None

    tasks = [asyncio.create_task(first()) for _ in range(2)]
    await asyncio.sleep(0.05)
    bus.append("a", "meta", {})
    assert [event.id for event in await asyncio.gather(*tasks) if event] == [1, 1]


async def test_an_idle_follower_hears_so(bus: EventBus) -> None:
    async for event in bus.follow("quiet", idle=0.05):
        assert event is None
        break


def test_the_last_number_is_known(bus: EventBus) -> None:
    assert bus.last("a") == 0
    bus.append("a", "meta", {})
    bus.append("a", "done", {})
    assert bus.last("a") == 2
    bus.end("a")
    assert [event.id for event in bus.replay("a")] == [1, 2]


async def test_who_stops_following_leaves_nothing_behind() -> None:
    bus = InProcessBus()
    bus.append("busy", "meta", {})

    async def look(stream: str) -> None:
        events = bus.follow(stream, after=1, idle=0.01)
        for _ in range(5):
            assert await anext(events) is None
        await events.aclose()

    await asyncio.gather(*[look(stream) for stream in ["busy", *(f"empty-{n}" for n in range(20))]])
    assert list(bus._streams) == ["busy"]
    assert bus._streams["busy"].waiters == []


async def test_redis_that_is_not_there_is_this_programs_error() -> None:
    bus = RedisBus("redis://127.0.0.1:1/0")
    with pytest.raises(UpstreamError):
        bus.append("a", "meta", {})
    with pytest.raises(UpstreamError):
        await anext(bus.follow("a", idle=0.1))
    bus.close()
