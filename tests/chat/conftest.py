"""A chat over the small consortium of tests/answer, with its routes in a bare application."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from backend.answer.answerer import Answerer
from backend.chat.handoff import RequestStatus, TranscriptLine
from backend.chat.routes import build_router
from backend.chat.turn import Chat
from backend.core.access import Caller, Visitor
from backend.core.db import Base, Database
from backend.core.events import InProcessBus
from backend.core.http import Gate, install_error_handlers
from backend.core.limits import Unlimited
from backend.core.tokens import VisitorTokens
from backend.search.engine import SearchEngine
from tests.answer.conftest import NAMES, answerer, engine

__all__ = ["answerer", "engine"]

ORIGIN = "http://localhost:8000"


class FakeRequests:
    """One request of one visitor."""

    def __init__(self) -> None:
        self.owner = ""

    def status(self, number: str, *, caller: Caller) -> RequestStatus | None:
        return next((r for r in self.recent(caller=caller, limit=9) if r.number == number), None)

    def recent(self, *, caller: Caller, limit: int) -> Sequence[RequestStatus]:
        if caller.visitor is None or caller.visitor.id != self.owner:
            return ()
        return (
            RequestStatus(
                number="LW-K7M2-9QXDA", title="活着", state="shipped", state_label="已发出", next_step="等待到馆",
                supplier="示例师范学院图书馆",
            ),
        )  # fmt: skip


class FakeDesk:
    """Keeps the tickets it was given."""

    def __init__(self) -> None:
        self.tickets: dict[str, Sequence[TranscriptLine]] = {}
        self.messages: list[dict[str, Any]] = []

    def open_ticket(
        self,
        *,
        conversation_id: str,
        caller: Caller,
        transcript: Sequence[TranscriptLine],
        note: str = "",
        contact: str = "",
    ) -> Mapping[str, Any]:
        self.tickets.setdefault(conversation_id, transcript)
        return self.state(conversation_id) or {}

    def state(self, conversation_id: str) -> Mapping[str, Any] | None:
        return {"state": "waiting", "messages": self.messages} if conversation_id in self.tickets else None

    def reader_message(self, *, conversation_id: str, caller: Caller, text: str) -> Mapping[str, Any] | None:
        if conversation_id not in self.tickets:
            return None
        self.messages.append({"id": str(len(self.messages)), "author": "reader", "text": text, "at": ""})
        return self.messages[-1]


class NoAccounts:
    def session(self, cookie: str) -> None:
        return None

    def branches(self, address: str, cookie: str | None) -> frozenset[str]:
        return frozenset()


@pytest.fixture
def database(tmp_path: Any) -> Iterator[Database]:
    made = Database(f"sqlite:///{tmp_path / 'chat.sqlite3'}")
    Base.metadata.create_all(made.engine)
    yield made
    made.close()


@pytest.fixture
def bus() -> Iterator[InProcessBus]:
    made = InProcessBus()
    yield made
    made.close()


@pytest.fixture
async def chat(database: Database, bus: InProcessBus, answerer: Answerer) -> AsyncIterator[Chat]:
    made = Chat(database=database, bus=bus, answerer=answerer, requests=FakeRequests(), desk=FakeDesk())
    yield made
    await made.close()


@pytest.fixture
def tokens() -> VisitorTokens:
    return VisitorTokens("k" * 40, ttl=600)


@pytest.fixture
async def client(chat: Chat, tokens: VisitorTokens) -> AsyncIterator[httpx.AsyncClient]:
    """A visitor of the city library's site."""
    app = FastAPI()
    app.state.gate = Gate(tokens=tokens, limiter=Unlimited(), staff=NoAccounts(), branches=NoAccounts())
    install_error_handlers(app)
    app.include_router(build_router(chat))
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test", headers=bearer(tokens)) as made:
        yield made


def bearer(tokens: VisitorTokens, visitor_id: str = "v_reader") -> dict[str, str]:
    token, _ = tokens.issue(member="city", origin=ORIGIN, visitor_id=visitor_id)
    return {"Authorization": f"Bearer {token}", "Origin": ORIGIN}


def caller(visitor_id: str = "v_reader", *, member: str = "city") -> Caller:
    return Caller(address="127.0.0.1", visitor=Visitor(id=visitor_id, member=member, origin=ORIGIN))


__all__ += ["NAMES", "SearchEngine", "bearer", "caller"]
