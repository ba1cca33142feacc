"""The in-process bell and the Redis bell behave alike."""

from __future__ import annotations

import os
import secrets
import threading
import time
from collections.abc import Iterator

import pytest

from backend.core.bell import Bell, InProcessBell, RedisBell
from backend.core.db import Base, Database, now
from backend.core.jobs import ring_when_due, schedule

REDIS_URL = os.environ.get("LIANWEN_TEST_REDIS_URL", "redis://127.0.0.1:6379/0")


@pytest.fixture(params=["in_process", pytest.param("redis", marks=pytest.mark.services)])
def bell(request: pytest.FixtureRequest) -> Iterator[Bell]:
    made: Bell
    if request.param == "in_process":
        made = InProcessBell()
    else:
        made = RedisBell(REDIS_URL, prefix=f"test-{secrets.token_hex(6)}:")
    yield made
    while made.wait(0.01):
        pass
    made.close()


def test_a_ring_before_the_wait_is_not_lost(bell: Bell) -> None:
    bell.ring()
    assert bell.wait(5)
    assert not bell.wait(0.01)


def test_a_ring_ends_the_wait(bell: Bell) -> None:
    began = time.monotonic()
    threading.Timer(0.05, bell.ring).start()
    assert bell.wait(10)
    assert time.monotonic() - began < 5


def test_many_rings_are_a_few(bell: Bell) -> None:
    for _ in range(100):
        bell.ring()
    assert sum(bell.wait(0.01) for _ in range(20)) <= 16


def test_a_bell_that_is_out_of_order_only_makes_workers_wait() -> None:
    broken = RedisBell("redis://127.0.0.1:1/0")
    broken.ring()
    assert broken.wait(0.01) is False
    broken.close()


def test_the_bell_rings_after_the_commit_of_a_step_that_is_due() -> None:
    database, bell = Database("sqlite://"), InProcessBell()
    Base.metadata.create_all(database.engine)
    ring_when_due(database, bell.ring)
    with database.begin() as session:
        schedule(session, "a", "1")
        session.rollback()
    with database.begin() as session:
        schedule(session, "a", "later", due_at=now().replace(year=2999))
    assert not bell.wait(0)
    with database.begin() as session:
        schedule(session, "a", "1")
        assert not bell.wait(0)
    assert bell.wait(0)
    database.close()
