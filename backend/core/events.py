"""Append-only event streams with replay: what a reader's page and a librarian's desk listen to.

A stream is named (``turn:…``, ``conversation:…``, ``desk:…``). Appending gives each event the next number; reading
starts after any number, replays what is kept and then waits, so a cut connection loses nothing. Streams are bounded in
length and life: an abandoned one costs nothing for long. The in-process bus serves one process, the Redis bus many;
both pass one contract test (tests/contract/test_event_buses.py).
"""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import redis
import redis.asyncio

MAX_EVENTS = 4_000
MAX_STREAMS = 5_000
TTL_SECONDS = 900.0


@dataclass(frozen=True, slots=True)
class Event:
    """``id`` increases by one within its stream, from 1."""

    id: int
    name: str
    payload: Mapping[str, Any]


class EventBus(Protocol):
    """Append from anywhere (threads too); follow from the event loop."""

    def append(self, stream: str, name: str, payload: Mapping[str, Any]) -> int:
        """Add an event; returns its id."""

    def replay(self, stream: str, *, after: int = 0) -> list[Event]:
        """The kept events after ``after``, without waiting."""

    def follow(self, stream: str, *, after: int = 0, idle: float = 15.0) -> AsyncIterator[Event | None]:
        """Events after ``after`` as they come; None whenever ``idle`` seconds passed without one."""

    def close(self) -> None: ...


class InProcessBus:
    """Streams in memory, with one waiter list each."""

    def __init__(self) -> None:
        self._streams: OrderedDict[str, _Stream] = OrderedDict()
        self._lock = threading.Lock()

    def append(self, stream: str, name: str, payload: Mapping[str, Any]) -> int:
        with self._lock:
            kept = self._open(stream)
            kept.last += 1
            kept.events.append(Event(kept.last, name, dict(payload)))
            del kept.events[:-MAX_EVENTS]
            number = kept.last
            waiters, kept.waiters = kept.waiters, []
        for loop, waiter in waiters:
            if not loop.is_closed():
                loop.call_soon_threadsafe(_wake, waiter)
        return number

    def replay(self, stream: str, *, after: int = 0) -> list[Event]:
        with self._lock:
            kept = self._streams.get(stream)
            return [event for event in kept.events if event.id > after] if kept else []

    async def follow(self, stream: str, *, after: int = 0, idle: float = 15.0) -> AsyncIterator[Event | None]:
        loop = asyncio.get_running_loop()
        while True:
            with self._lock:
                kept = self._open(stream)
                ready = [event for event in kept.events if event.id > after]
                waiter: asyncio.Future[None] = loop.create_future()
                if not ready:
                    kept.waiters.append((loop, waiter))
            for event in ready:
                after = event.id
                yield event
            if not ready:
                try:
                    await asyncio.wait_for(waiter, idle)
                except TimeoutError:
                    yield None

    def close(self) -> None:
        with self._lock:
            self._streams.clear()

    def _open(self, name: str) -> _Stream:
        moment = time.monotonic()
        stream = self._streams.pop(name, None) or _Stream()
        stream.touched = moment
        self._streams[name] = stream
        while len(self._streams) > 1:
            oldest = next(iter(self._streams.values()))
            expired = moment - oldest.touched > TTL_SECONDS and not oldest.waiters
            if not expired and len(self._streams) <= MAX_STREAMS:
                break
            self._streams.popitem(last=False)
        return stream


class _Stream:
    __slots__ = ("events", "last", "touched", "waiters")

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.last = 0
        self.touched = 0.0
        self.waiters: list[tuple[asyncio.AbstractEventLoop, asyncio.Future[None]]] = []


def _wake(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)


class RedisBus:
    """Streams in Redis: XADD with ids ``0-N``, trimmed and expiring."""

    _APPEND = """
    local n = redis.call('INCR', KEYS[2])
    redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[3], '0-' .. n, 'name', ARGV[1], 'payload', ARGV[2])
    redis.call('EXPIRE', KEYS[1], ARGV[4]); redis.call('EXPIRE', KEYS[2], ARGV[4])
    return n
    """

    def __init__(self, url: str, *, prefix: str = "lianwen:") -> None:
        self._url = url
        self._prefix = prefix
        self._client = redis.Redis.from_url(url, decode_responses=True)
        self._append = self._client.register_script(self._APPEND)

    def append(self, stream: str, name: str, payload: Mapping[str, Any]) -> int:
        body = json.dumps(payload, ensure_ascii=False)
        keys = [self._key(stream), self._key(stream) + ":n"]
        return int(self._append(keys=keys, args=[name, body, MAX_EVENTS, int(TTL_SECONDS)]))

    def replay(self, stream: str, *, after: int = 0) -> list[Event]:
        return [_parse(entry) for entry in self._client.xrange(self._key(stream), min=f"(0-{after}") or ()]

    async def follow(self, stream: str, *, after: int = 0, idle: float = 15.0) -> AsyncIterator[Event | None]:
        client = redis.asyncio.Redis.from_url(self._url, decode_responses=True, socket_timeout=idle + 5)
        try:
            while True:
                found = await client.xread({self._key(stream): f"0-{after}"}, block=int(idle * 1000), count=100)
                if not found:
                    yield None
                    continue
                # RESP3 answers with a mapping of lists of entry lists, RESP2 with pairs
                groups = (
                    [group for value in found.values() for group in value]
                    if isinstance(found, dict)
                    else [value for _, value in found]
                )
                for entry in (entry for group in groups for entry in group):
                    event = _parse(entry)
                    after = event.id
                    yield event
        finally:
            await client.aclose()

    def close(self) -> None:
        self._client.close()

    def _key(self, stream: str) -> str:
        return f"{self._prefix}events:{stream}"


def _parse(entry: Any) -> Event:
    number, fields = entry
    return Event(int(str(number).split("-")[1]), fields["name"], json.loads(fields["payload"]))
