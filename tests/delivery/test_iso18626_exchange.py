"""Two instances of this program lend and copy to each other, with connections that break in between."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from backend.consortium import members, peers
from backend.consortium.values import Peer
from backend.core.db import Base, Database, now
from backend.core.http import install_error_handlers
from backend.core.jobs import RetryLater, Runner
from backend.delivery import requests, store
from backend.delivery.iso18626 import models as iso18626_models
from backend.delivery.iso18626.receive import Exchange
from backend.delivery.iso18626.routes import router
from backend.delivery.iso18626.send import Sender
from backend.delivery.iso18626.values import Agency, Bibliographic, Message
from backend.delivery.iso18626.write import write
from backend.delivery.models import RequestRow
from backend.delivery.values import ItemRef
from tests.delivery.library import PATRON, RULES, draft, in_days, item, staff_actor

assert iso18626_models.IllSentRow.metadata is Base.metadata
TOKENS = {"CN-A": "token of A, secret", "CN-B": "token of B, secret"}


@dataclass
class Shelf:
    """One book, held by one member (or none)."""

    found: ItemRef | None

    def item(self, record_id: str, audiences: frozenset[str]) -> ItemRef | None:
        return None

    def match(self, citation: str, audiences: frozenset[str]) -> Sequence[ItemRef]:
        return [self.found] if self.found else []


@dataclass
class Wire:
    """Carries messages to the other instance; loses the question or the answer when told to."""

    reach: Callable[[], TestClient]
    losses: list[str] = field(default_factory=list)
    carried: list[bytes] = field(default_factory=list)

    def __call__(self, peer: Peer, body: bytes) -> bytes:
        loss = self.losses.pop(0) if self.losses else ""
        if loss == "question":
            raise RetryLater("cut before it arrived")
        headers = {"authorization": f"Bearer {peer.outgoing_token}"}
        answer = self.reach().post("/iso18626", content=body, headers=headers)
        assert answer.status_code == 200, answer.text
        self.carried.append(body)
        if loss == "answer":
            raise RetryLater("cut before the answer arrived")
        return answer.content


class Instance:
    """A whole consortium with one member, and the other consortium as its peer."""

    def __init__(self, path: Path, symbol: str, other: str, version: str, book: ItemRef | None) -> None:
        self.database = Database(f"sqlite:///{path / symbol}.sqlite3")
        Base.metadata.create_all(self.database.engine)
        with self.database.begin() as session:
            members.add_member(session, "city", name=f"{symbol} 市馆")
            peers.add_peer(
                session, other, url="http://other/iso18626", token=TOKENS[other], outgoing_token=TOKENS[symbol],
                version=version,
            )  # fmt: skip
        self.exchange = Exchange(database=self.database, lookup=Shelf(book), rules=RULES, own_symbol=symbol)
        app = FastAPI()
        install_error_handlers(app)
        app.include_router(router(self.exchange))
        self.client = TestClient(app)
        self.wire = Wire(lambda: self.client)
        sender = Sender(database=self.database, rules=RULES, own_symbol=symbol, transport=self.wire)
        self.runner = Runner(self.database, {"delivery.peer": sender})

    def work(self) -> None:
        """Run the outgoing messages, and those that must be tried again."""
        for day in range(4):
            self.runner.drain(moment=now() + timedelta(days=day))

    def only(self) -> RequestRow:
        with self.database.read() as session:
            [row] = store.listed(session, [], limit=10, offset=0)
            return row

    def move(self, action: str, **more: object) -> None:
        with self.database.begin() as session:
            requests.move(session, self.only().number, action, actor=staff_actor("city"), rules=RULES, **more)  # type: ignore[arg-type]


@dataclass
class Pair:
    asking: Instance
    lending: Instance

    def settle(self) -> None:
        for _ in range(3):
            self.asking.work()
            self.lending.work()

    def states(self) -> tuple[str, str]:
        return self.asking.only().state, self.lending.only().state


@pytest.fixture(params=["1.2", "2021-2"])
def pair(tmp_path: Path, request: pytest.FixtureRequest) -> Pair:
    book = item("city", title="地方志编纂学", isbn="9787564311292")
    asking = Instance(tmp_path, "CN-A", "CN-B", request.param, None)
    lending = Instance(tmp_path, "CN-B", "CN-A", request.param, book)
    asking.wire.reach = lambda: lending.client
    lending.wire.reach = lambda: asking.client
    return Pair(asking, lending)


def ask(pair: Pair, service: str) -> None:
    wanted = ItemRef(id="x", title="地方志编纂学", isbn="9787564311292")
    with pair.asking.database.begin() as session:
        asked = draft(wanted, service=service, member="city", pages="1-5" if service == "copy" else "")
        requests.place(session, asked, actor=PATRON, rules=RULES, visitor_id="v_1")


def test_a_loan_between_two_instances_with_cut_connections(pair: Pair) -> None:
    pair.asking.wire.losses = ["question", "answer", "", "answer"]
    pair.lending.wire.losses = ["answer", "question"]
    ask(pair, "loan")
    pair.settle()
    assert pair.states() == ("requested", "requested")
    pair.lending.move("accept")
    pair.settle()
    assert pair.states() == ("will_supply", "will_supply")
    pair.lending.move("ship", due=in_days(20))
    pair.settle()
    assert pair.states() == ("shipped", "shipped")
    assert pair.asking.only().due == in_days(20)
    pair.asking.move("receive")
    pair.asking.move("ask_renewal")
    pair.settle()
    assert pair.states() == ("renewal_asked", "renewal_asked")
    pair.lending.move("grant_renewal", due=in_days(40))
    pair.settle()
    assert pair.asking.only().due == in_days(40)
    pair.asking.move("return")
    pair.settle()
    pair.lending.move("check_in")
    pair.settle()
    assert pair.states() == ("completed", "completed")


def test_a_copy_between_two_instances(pair: Pair) -> None:
    pair.lending.wire.losses = ["question", "answer"]
    ask(pair, "copy")
    pair.settle()
    pair.lending.move("accept")
    pair.lending.move("deliver")
    pair.settle()
    assert pair.states() == ("delivered", "delivered")
    pair.asking.move("confirm")
    pair.settle()
    assert pair.states() == ("completed", "completed")


def test_conditions_cancellation_and_refusal_travel(pair: Pair) -> None:
    ask(pair, "loan")
    pair.settle()
    pair.lending.move("offer_conditions", reason="只限馆内阅览")
    pair.settle()
    assert pair.states() == ("conditional", "conditional")
    pair.asking.move("accept_conditions")
    pair.settle()
    assert pair.states() == ("will_supply", "will_supply")
    pair.asking.move("ask_cancel")
    pair.settle()
    assert pair.states() == ("cancel_asked", "cancel_asked")
    pair.lending.move("refuse_cancel")
    pair.settle()
    assert pair.states() == ("will_supply", "will_supply")
    pair.lending.move("decline", reason="书已破损")
    pair.settle()
    assert pair.states() == ("unfilled", "unfilled")


def test_replays_change_nothing(pair: Pair) -> None:
    ask(pair, "loan")
    pair.settle()
    pair.lending.move("accept")
    pair.settle()
    before = (pair.asking.only().version, pair.lending.only().version)
    for sender, receiver, symbol in ((pair.asking, pair.lending, "CN-A"), (pair.lending, pair.asking, "CN-B")):
        for body in list(sender.wire.carried):
            answer = receiver.client.post(
                "/iso18626", content=body, headers={"authorization": f"Bearer {TOKENS[symbol]}"}
            )
            assert b">OK<" in answer.content
    assert (pair.asking.only().version, pair.lending.only().version) == before


def test_strangers_forgers_and_nonsense_are_answered_and_change_nothing(pair: Pair) -> None:
    ask(pair, "loan")
    pair.settle()
    client, good = pair.lending.client, {"authorization": f"Bearer {TOKENS['CN-A']}"}
    for headers in ({}, {"authorization": "Bearer forged"}, {"authorization": "Basic x"}):
        assert client.post("/iso18626", content=b"<request/>", headers=headers).status_code == 401
    foreign = Message(
        kind="request", supplier=Agency(value="CN-B"), requester=Agency(value="CN-Z"), timestamp=now(),
        request_id="1", item=Bibliographic(title="x"),
    )  # fmt: skip
    for body in (b"", b"<x", b"<request/>", write(foreign)):
        answer = client.post("/iso18626", content=body, headers=good)
        assert answer.status_code == 200
        assert b">ERROR<" in answer.content
    assert pair.states() == ("requested", "requested")
