"""Append-only event streams with replay: what a reader's page and a librarian's desk listen to.

A stream is named (``turn:…``, ``conversation:…``, ``desk:…``). Appending gives each event the next number; reading
starts after any number, replays what is kept and then waits, so a cut connection loses nothing. Streams are bounded in
length and life, and one that has ended is soon forgotten: an abandoned one costs nothing for long. A number beyond a
stream's last one was given by an earlier life of it (a restart, an expiry); :meth:`EventBus.last` tells. The in-process
bus serves one process, the Redis bus many; both pass one contract test (tests/contract/test_event_buses.py).
"""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections import OrderedDict
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import redis
import redis.asyncio

from backend.core.errors import UpstreamError

MAX_EVENTS = 4_000
MAX_STREAMS = 5_000
TTL_SECONDS = 900.0
LINGER_SECONDS = 30.0
"""How long a stream that has ended is kept for those who were cut off shortly before its end."""

NUMBER_TTL_SECONDS = 7 * 86_400
"""Redis keeps a stream's number this long after its events: who waits longer than they live still gets the next one."""


@dataclass(frozen=True, slots=True)
class Event:
    """``id`` increases by one within its stream, from 1."""

    id: int
    name: str
    payload: Mapping[str, Any]


class EventBus(Protocol):
    """Append from anywhere (threads too); follow from the event loop."""

    def append(self, stream: str, name: str, payload: Mapping[str, Any]) -> int:
        """Add an event; returns its id. :raises UpstreamError: when the bus cannot be reached."""

    def last(self, stream: str) -> int:
        """The id of the stream's latest event; 0 when it has none, or is a new stream of that name."""

    def end(self, stream: str) -> None:
        """Nothing more will come: the stream may be forgotten after :data:`LINGER_SECONDS`."""

    def replay(self, stream: str, *, after: int = 0) -> list[Event]:
        """The kept events after ``after``, without waiting."""

    def follow(self, stream: str, *, after: int = 0, idle: float = 15.0) -> AsyncGenerator[Event | None, None]:
        """Events after ``after`` as they come; None whenever ``idle`` seconds passed without one.

        Who leaves it closes it (``aclosing``): what it holds open is otherwise closed whenever it is collected.
        """

    def close(self) -> None: ...


class InProcessBus:
    """Streams in memory, with one waiter list each."""

    def __init__(self) -> None:
        self._streams: OrderedDict[str, _Stream] = OrderedDict()
        self._ended: OrderedDict[str, float] = OrderedDict()
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

    def last(self, stream: str) -> int:
        with self._lock:
            kept = self._streams.get(stream)
            return kept.last if kept else 0

    def end(self, stream: str) -> None:
        with self._lock:
            self._ended[stream] = time.monotonic()
            self._forget()

    def replay(self, stream: str, *, after: int = 0) -> list[Event]:
        with self._lock:
            kept = self._streams.get(stream)
            return [event for event in kept.events if event.id > after] if kept else []

    async def follow(self, stream: str, *, after: int = 0, idle: float = 15.0) -> AsyncGenerator[Event | None, None]:
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
                came = await self._news(stream, kept, (loop, waiter), idle)
                if not came:
                    yield None

    async def _news(self, name: str, kept: _Stream, waiter: _Waiter, idle: float) -> bool:
        """Wait for the next event; who stops waiting leaves nothing behind."""
        try:
            await asyncio.wait_for(waiter[1], idle)
            return True
        except TimeoutError:
            return False
        finally:
            with self._lock:
                if waiter in kept.waiters:
                    kept.waiters.remove(waiter)
                if not kept.events and not kept.waiters and self._streams.get(name) is kept:
                    del self._streams[name]

    def close(self) -> None:
        with self._lock:
            self._streams.clear()
            self._ended.clear()

    def _open(self, name: str) -> _Stream:
        moment = time.monotonic()
        self._forget()
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

    def _forget(self) -> None:
        """Streams that ended a while ago. All linger equally long, so the first in is the first out."""
        moment = time.monotonic()
        while self._ended and (moment - next(iter(self._ended.values())) > LINGER_SECONDS):
            name, _ = self._ended.popitem(last=False)
            self._streams.pop(name, None)


_Waiter = tuple[asyncio.AbstractEventLoop, asyncio.Future[None]]


class _Stream:
    __slots__ = ("events", "last", "touched", "waiters")

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.last = 0
        self.touched = 0.0
        self.waiters: list[_Waiter] = []


def _wake(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)


class RedisBus:
    """Streams in Redis: XADD with ids ``0-N``, trimmed and expiring."""

    _APPEND = """
    local n = redis.call('INCR', KEYS[2])
    redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[3], '0-' .. n, 'name', ARGV[1], 'payload', ARGV[2])
    redis.call('EXPIRE', KEYS[1], ARGV[4]); redis.call('EXPIRE', KEYS[2], ARGV[5])
    return n
    """

    def __init__(self, url: str, *, prefix: str = "lianwen:") -> None:
        self._url = url
        self._prefix = prefix
        self._client = redis.Redis.from_url(
            url, decode_responses=True, socket_timeout=5, socket_connect_timeout=3, health_check_interval=30
        )
        self._append = self._client.register_script(self._APPEND)

    def append(self, stream: str, name: str, payload: Mapping[str, Any]) -> int:
        body = json.dumps(payload, ensure_ascii=False)
        keys = [self._key(stream), self._key(stream) + ":n"]
        with _reached():
            return int(self._append(keys=keys, args=[name, body, MAX_EVENTS, int(TTL_SECONDS), NUMBER_TTL_SECONDS]))

    def last(self, stream: str) -> int:
        with _reached():
            return int(self._client.get(self._key(stream) + ":n") or 0)

    def end(self, stream: str) -> None:
        with _reached():
            self._client.expire(self._key(stream), int(LINGER_SECONDS))
            self._client.expire(self._key(stream) + ":n", int(TTL_SECONDS))

    def replay(self, stream: str, *, after: int = 0) -> list[Event]:
        with _reached():
            return [_parse(entry) for entry in self._client.xrange(self._key(stream), min=f"(0-{after}") or ()]

    async def follow(self, stream: str, *, after: int = 0, idle: float = 15.0) -> AsyncGenerator[Event | None, None]:
        client = redis.asyncio.Redis.from_url(self._url, decode_responses=True, socket_timeout=idle + 5)
        try:
            while True:
                with _reached():
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


@contextmanager
def _reached() -> Iterator[None]:
    """Redis' own errors, in this program's words."""
    try:
        yield
    except redis.RedisError as error:
        raise UpstreamError("事件服务（Redis）暂时连不上。") from error


def _parse(entry: Any) -> Event:
    number, fields = entry
    return Event(int(str(number).split("-")[1]), fields["name"], json.loads(fields["payload"]))
