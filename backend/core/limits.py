"""Rate limits: a token bucket per caller and kind of work, in this process or shared through Redis."""

from __future__ import annotations

import math
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import Protocol

import redis

from backend.core.errors import TooManyRequests


@dataclass(frozen=True, slots=True)
class Rate:
    """``burst`` calls at once, refilled at ``per_minute``."""

    burst: int
    per_minute: float


SEARCH = Rate(60, 120)
CHAT = Rate(30, 40)
VISITORS = Rate(30, 30)
REQUESTS = Rate(10, 10)
DOWNLOADS = Rate(20, 20)
UPLOADS = Rate(20, 20)
LOGIN = Rate(8, 6)


class Limiter(Protocol):
    """Counts calls. Raises :class:`TooManyRequests` when a caller has spent theirs."""

    def check(self, kind: str, key: str, rate: Rate) -> None: ...


class Unlimited:
    """For benchmarks and tests."""

    def check(self, kind: str, key: str, rate: Rate) -> None:
        return


class InProcessLimiter:
    """Buckets in memory, the least recently used forgotten first (a forgotten bucket is a full one)."""

    def __init__(self, *, capacity: int = 50_000) -> None:
        self._buckets: OrderedDict[tuple[str, str], tuple[float, float]] = OrderedDict()
        self._capacity = capacity
        self._lock = threading.Lock()

    def check(self, kind: str, key: str, rate: Rate) -> None:
        moment = time.monotonic()
        with self._lock:
            tokens, last = self._buckets.pop((kind, key), (float(rate.burst), moment))
            tokens = min(rate.burst, tokens + (moment - last) * rate.per_minute / 60)
            allowed = tokens >= 1
            self._buckets[kind, key] = (tokens - 1 if allowed else tokens, moment)
            while len(self._buckets) > self._capacity:
                self._buckets.popitem(last=False)
        if not allowed:
            raise _refusal((1 - tokens) * 60 / rate.per_minute)


class RedisLimiter:
    """The same bucket kept in Redis, so that every process counts together."""

    _SCRIPT = """
    local now = redis.call('TIME'); local t = now[1] + now[2] / 1e6
    local b = redis.call('HMGET', KEYS[1], 'n', 't')
    local n = tonumber(b[1]) or tonumber(ARGV[1]); local last = tonumber(b[2]) or t
    n = math.min(tonumber(ARGV[1]), n + (t - last) * tonumber(ARGV[2]) / 60)
    local ok = 0
    if n >= 1 then n = n - 1; ok = 1 end
    redis.call('HSET', KEYS[1], 'n', tostring(n), 't', tostring(t))
    redis.call('EXPIRE', KEYS[1], math.ceil(tonumber(ARGV[1]) * 60 / tonumber(ARGV[2])) + 1)
    return {ok, tostring(n)}
    """

    def __init__(self, client: redis.Redis, *, prefix: str = "lianwen:") -> None:
        self._prefix = prefix
        self._script = client.register_script(self._SCRIPT)

    def check(self, kind: str, key: str, rate: Rate) -> None:
        allowed, tokens = self._script(keys=[f"{self._prefix}limit:{kind}:{key}"], args=[rate.burst, rate.per_minute])
        if not int(allowed):
            raise _refusal((1 - float(tokens)) * 60 / rate.per_minute)


def _refusal(seconds: float) -> TooManyRequests:
    wait = max(1, math.ceil(seconds))
    return TooManyRequests(f"请求过于频繁，请在 {wait} 秒后再试。", retry_after=wait, detail={"retry_after": wait})
