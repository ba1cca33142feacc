"""Both limiters let a burst through, refuse the next call and say how long to wait."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator

import pytest
import redis

from backend.core.errors import TooManyRequests
from backend.core.limits import InProcessLimiter, Limiter, Rate, RedisLimiter

REDIS_URL = os.environ.get("LIANWEN_TEST_REDIS_URL", "redis://127.0.0.1:6379/0")


@pytest.fixture(params=["in_process", pytest.param("redis", marks=pytest.mark.services)])
def limiter(request: pytest.FixtureRequest) -> Iterator[Limiter]:
    if request.param == "in_process":
        yield InProcessLimiter()
        return
    prefix = f"test-{secrets.token_hex(6)}:"
    client = redis.Redis.from_url(REDIS_URL, decode_responses=True)
    yield RedisLimiter(client, prefix=prefix)
    for key in client.scan_iter(f"{prefix}*"):
        client.delete(key)
    client.close()


def test_a_burst_passes_and_the_next_call_waits(limiter: Limiter) -> None:
    rate = Rate(burst=3, per_minute=1)
    for _ in range(3):
        limiter.check("chat", "visitor:1", rate)
    with pytest.raises(TooManyRequests) as refused:
        limiter.check("chat", "visitor:1", rate)
    assert 1 <= refused.value.retry_after <= 60


def test_callers_and_kinds_are_counted_apart(limiter: Limiter) -> None:
    rate = Rate(burst=1, per_minute=1)
    limiter.check("chat", "visitor:1", rate)
    limiter.check("chat", "visitor:2", rate)
    limiter.check("search", "visitor:1", rate)


def test_forgetting_the_oldest_bucket_bounds_memory() -> None:
    limiter = InProcessLimiter(capacity=2)
    rate = Rate(burst=1, per_minute=0.001)
    for caller in ("a", "b", "c"):
        limiter.check("chat", caller, rate)
    limiter.check("chat", "a", rate)  # forgotten, hence full again
    with pytest.raises(TooManyRequests):
        limiter.check("chat", "c", rate)
