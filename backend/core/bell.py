"""Wakes workers when something fell due: a change is committed, the bell rings, a worker looks at once.

The bell carries no work (that lies in the database): without it, or when Redis is away, workers look every second.
:class:`RedisBell` reaches the workers of other processes, :class:`InProcessBell` those of this one; both pass one
contract test (tests/contract/test_bells.py).
"""

from __future__ import annotations

import logging
import threading
import time
from typing import Protocol

import redis

log = logging.getLogger(__name__)

PATIENCE = 10.0
"""Seconds without trying a Redis that was away, so that a request never waits for it twice."""


class Bell(Protocol):
    def ring(self) -> None:
        """Wake one waiting worker, or the next that comes to wait. Never raises: it is only a hint."""

    def wait(self, seconds: float) -> bool:
        """Wait for a ring at most that long; did it ring?"""

    def close(self) -> None: ...


class InProcessBell:
    """A flag in memory."""

    def __init__(self) -> None:
        self._rung = threading.Event()

    def ring(self) -> None:
        self._rung.set()

    def wait(self, seconds: float) -> bool:
        rung = self._rung.wait(seconds)
        self._rung.clear()
        return rung

    def close(self) -> None:
        """Nothing to release."""


class RedisBell:
    """A short list in Redis: ringing pushes, waiting pops. More rings than workers are forgotten."""

    def __init__(self, url: str, *, prefix: str = "lianwen:") -> None:
        self._client = redis.Redis.from_url(url, socket_connect_timeout=1.0)
        self._key = f"{prefix}bell"
        self._away_until = 0.0

    def ring(self) -> None:
        if time.monotonic() < self._away_until:
            return
        try:
            with self._client.pipeline(transaction=False) as pipe:
                pipe.lpush(self._key, 1)
                pipe.ltrim(self._key, 0, 15)
                pipe.expire(self._key, 60)
                pipe.execute()
        except redis.RedisError as error:
            self._missing(error)

    def wait(self, seconds: float) -> bool:
        if time.monotonic() >= self._away_until:
            try:
                return self._client.blpop([self._key], timeout=seconds) is not None
            except redis.RedisError as error:
                self._missing(error)
        time.sleep(seconds)
        return False

    def close(self) -> None:
        self._client.close()

    def _missing(self, error: redis.RedisError) -> None:
        self._away_until = time.monotonic() + PATIENCE
        log.warning("Redis is away, workers look by themselves: %s", error)
