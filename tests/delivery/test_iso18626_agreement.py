"""Two instances, everyone acting at once, messages lost, repeated and overtaking each other: they agree in the end.

Where messages crossed so that they cannot agree (a cancellation met a parcel), the librarians of the side that is
behind have been told in words.
"""

from __future__ import annotations

import random
import tempfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from backend.consortium import members, peers
from backend.consortium.values import Peer
from backend.core.db import Base, Database, now
from backend.core.errors import LianwenError
from backend.core.jobs import RetryLater, Runner
from backend.delivery import requests, store
from backend.delivery.iso18626_receive import Exchange
from backend.delivery.iso18626_send import Sender
from backend.delivery.iso18626_write import confirm
from backend.delivery.lifecycle import TALK, TRANSITIONS, Side, State, allowed
from backend.delivery.models import RequestRow
from backend.delivery.values import Actor, ItemRef
from tests.delivery.library import PATRON, RULES, draft, in_days, item, staff_actor
from tests.delivery.test_iso18626_exchange import TOKENS, Shelf

ACTIONS = sorted(transition.name for transition in TRANSITIONS)
SAID = "原因"
DONE_ALONE = frozenset({"reopen", "reroute", "expire", "match", "give_up"})
"""What one side does without the other: its own business, not a matter of agreeing."""


class Instance:
    def __init__(self, folder: Path, symbol: str, other: str, version: str, book: ItemRef | None) -> None:
        self.database = Database(f"sqlite:///{folder / symbol}.sqlite3")
        Base.metadata.create_all(self.database.engine)
        with self.database.begin() as session:
            members.add_member(session, "city", name=f"{symbol} 市馆")
            peers.add_peer(session, other, url="http://other/", token=TOKENS[other], version=version)
        self.exchange = Exchange(database=self.database, lookup=Shelf(book), rules=RULES, own_symbol=symbol)
        self.symbol = symbol
        self.runner: Runner | None = None

    def connect(self, transport: Callable[[Peer, bytes], bytes]) -> None:
        sender = Sender(database=self.database, rules=RULES, own_symbol=self.symbol, transport=transport)
        self.runner = Runner(self.database, {"delivery.peer": sender})

    def row(self) -> RequestRow | None:
        with self.database.read() as session:
            rows = store.listed(session, [], limit=5, offset=0)
            assert len(rows) <= 1, "one request became two"
            return rows[0] if rows else None

    def move(self, action: str, actor: Actor) -> None:
        row = self.row()
        if row is None:
            return
        try:
            with self.database.begin() as session:
                requests.move(session, row.number, action, actor=actor, rules=RULES, reason=SAID, due=in_days(20))
        except LianwenError:
            return

    def told_in_words(self) -> bool:
        row = self.row()
        with self.database.read() as session:
            entries = store.history(session, row.number) if row else []
        heard = [entry.reason for entry in entries if entry.action == "message" and entry.actor_key.startswith("peer:")]
        return any(words != SAID for words in heard)


class Conversation(RuleBasedStateMachine):
    """A request between two consortia."""

    version = "2021-2"

    @initialize(service=st.sampled_from(["loan", "copy"]), seed=st.integers(0, 10_000))
    def place(self, service: str, seed: int) -> None:
        self._folder = tempfile.TemporaryDirectory()
        self.luck, self.sent = random.Random(seed), list[tuple[Instance, Peer, bytes]]()
        folder = Path(self._folder.name)
        self.asking = Instance(folder, "CN-A", "CN-B", self.version, None)
        self.lending = Instance(folder, "CN-B", "CN-A", self.version, item("city", title="地方志编纂学"))
        self.asking.connect(self._wire(self.lending, "CN-A"))
        self.lending.connect(self._wire(self.asking, "CN-B"))
        self.lossy = True
        wanted = ItemRef(id="x", title="地方志编纂学")
        asked = draft(wanted, service=service, member="city", pages="1-5" if service == "copy" else "")
        with self.asking.database.begin() as session:
            requests.place(session, asked, actor=PATRON, rules=RULES, visitor_id="v_1")

    def _wire(self, receiver: Instance, sender: str) -> Callable[[Peer, bytes], bytes]:
        speaker = Peer(symbol=sender, url="http://other/")

        def carry(_peer: Peer, body: bytes) -> bytes:
            fate = self.luck.random() if self.lossy else 1.0
            if fate < 0.2:
                raise RetryLater("lost on the way")
            self.sent.append((receiver, speaker, body))
            answer = confirm(receiver.exchange.receive(body, speaker))
            if fate < 0.4:
                raise RetryLater("the answer was lost")
            return answer

        return carry

    @rule(action=st.sampled_from(ACTIONS), who=st.sampled_from(["reader", "asking", "lending"]))
    def act(self, action: str, who: str) -> None:
        if action in DONE_ALONE:
            return
        site = self.lending if who == "lending" else self.asking
        site.move(action, PATRON if who == "reader" else staff_actor("city"))

    @rule(choose=st.integers(0, 20), lender=st.booleans())
    def act_as_allowed(self, choose: int, lender: bool) -> None:
        site, side = (self.lending, Side.SUPPLIER) if lender else (self.asking, Side.REQUESTER)
        row = site.row()
        if row is not None:
            open_to = [t.name for t in allowed(State(row.state), [side], service=row.service) if t.name not in TALK]
            wanted = [name for name in open_to if name not in DONE_ALONE]
            if wanted:
                site.move(wanted[choose % len(wanted)], staff_actor("city"))

    @rule(lender=st.booleans(), days=st.integers(0, 2))
    def messages_travel(self, lender: bool, days: int) -> None:
        runner = (self.lending if lender else self.asking).runner
        assert runner is not None
        runner.drain(moment=now() + timedelta(days=days), limit=3)

    @precondition(lambda self: self.sent)
    @rule(pick=st.integers(0, 1000))
    def an_old_message_comes_again(self, pick: int) -> None:
        receiver, speaker, body = self.sent[pick % len(self.sent)]
        before = receiver.row()
        receiver.exchange.receive(body, speaker)
        after = receiver.row()
        assert (before and before.version) == (after and after.version), "a replay changed something"

    def teardown(self) -> None:
        self.lossy = False
        for round_ in range(6):
            for site in (self.asking, self.lending):
                assert site.runner is not None
                site.runner.drain(moment=now() + timedelta(days=3 + round_), limit=100)
        self._agree()
        for site in (self.asking, self.lending):
            site.database.close()
        self._folder.cleanup()

    def _agree(self) -> None:
        ours, theirs = self.asking.row(), self.lending.row()
        assert ours is not None
        assert theirs is not None, "the request never arrived"
        if ours.state != theirs.state:
            known = self.asking.told_in_words() or self.lending.told_in_words()
            assert known, f"{ours.state} here, {theirs.state} there, and nobody was told"


@pytest.mark.parametrize("version", ["1.2", "2021-2"])
def test_two_instances_agree_or_tell_their_librarians(version: str) -> None:
    run_state_machine_as_test(
        type("Explored", (Conversation,), {"version": version}),
        settings=settings(
            max_examples=EXAMPLES,
            derandomize=True,
            database=None,
            stateful_step_count=14,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


EXAMPLES = 8
