"""Two server processes lend and copy to each other over HTTP, through lines that cut, one of them killed on the way."""

from __future__ import annotations

import contextlib
import random
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from backend.consortium import members, peers
from backend.core.db import Base, Database
from backend.delivery import requests, store
from backend.delivery.models import RequestRow
from backend.delivery.values import TIMER, ItemRef
from tests.delivery.library import PATRON, RULES, draft, in_days, staff_actor
from tests.delivery.test_iso18626_exchange import TOKENS

TITLE = "地方志编纂学"
ROOT = Path(__file__).parents[2]


class Line(ThreadingHTTPServer):
    """Carries messages to a server; every other time, by lot, it cuts before or after they arrive."""

    daemon_threads = True

    def __init__(self, target: str, seed: int) -> None:
        super().__init__(("127.0.0.1", 0), Carrier)
        self.target, self.luck = target, random.Random(seed)
        self.cuts, self.bodies = Counter[str](), list[bytes]()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/iso18626"


class Carrier(BaseHTTPRequestHandler):
    server: Line

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        fate = self.server.luck.choice(["", "", "before", "after"])
        self.server.cuts[fate] += 1
        self.server.bodies.append(body)
        if fate == "before":
            return  # the connection is closed without a word
        try:
            headers = {"authorization": self.headers["authorization"], "content-type": "application/xml"}
            answer = httpx.post(self.server.target, content=body, headers=headers, timeout=10)
        except httpx.HTTPError:
            return
        if fate == "after":
            return
        with contextlib.suppress(OSError):  # the asker may be dead by now
            self.send_response(answer.status_code)
            self.send_header("content-length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)

    def log_message(self, format: str, *args: object) -> None:
        """Keep quiet."""


class Site:
    """One of the two consortia: its database, and its server process."""

    def __init__(self, folder: Path, symbol: str, title: str) -> None:
        self.url, self.symbol, self.title = f"sqlite:///{folder / symbol}.sqlite3", symbol, title
        self.database = Database(self.url)
        Base.metadata.create_all(self.database.engine)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}/iso18626"

    def know(self, other: str, url: str, version: str) -> None:
        with self.database.begin() as session:
            members.add_member(session, "city", name=f"{self.symbol} 市馆")
            peers.add_peer(
                session, other, url=url, token=TOKENS[other], outgoing_token=TOKENS[self.symbol], version=version
            )

    def start(self) -> None:
        command = [sys.executable, "-m", "tests.delivery.exchange_server", self.url, self.symbol, str(self.port)]
        self.process = subprocess.Popen([*command, self.title], cwd=ROOT, env={"PYTHONPATH": "."})

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait(10)

    def only(self) -> RequestRow | None:
        with self.database.read() as session:
            rows = store.listed(session, [], limit=10, offset=0)
            assert len(rows) <= 1, "the request exists twice"
            return rows[0] if rows else None

    def move(self, action: str, **more: object) -> None:
        row = self.only()
        assert row is not None
        with self.database.begin() as session:
            requests.move(session, row.number, action, actor=staff_actor("city"), rules=RULES, **more)  # type: ignore[arg-type]

    def actions(self) -> list[str]:
        row = self.only()
        assert row is not None
        with self.database.read() as session:  # the worker's own word that a line is dead for long is left out
            return [entry.action for entry in store.history(session, row.number) if entry.actor_key != TIMER.key]


class Pair:
    def __init__(self, folder: Path, version: str, seed: int) -> None:
        self.asking, self.lending = Site(folder, "CN-A", ""), Site(folder, "CN-B", TITLE)
        self.there, self.back = Line(self.lending.endpoint, seed), Line(self.asking.endpoint, seed + 1)
        self.asking.know("CN-B", self.there.url, version)
        self.lending.know("CN-A", self.back.url, version)
        for site in (self.asking, self.lending):
            site.start()

    def ask(self, service: str) -> None:
        wanted = ItemRef(id="x", title=TITLE)
        asked = draft(wanted, service=service, member="city", pages="1-5" if service == "copy" else "")
        with self.asking.database.begin() as session:
            requests.place(session, asked, actor=PATRON, rules=RULES, visitor_id="v_1")

    def until(self, state: str) -> None:
        """Wait for both sides to see the request in this state."""
        wait_until(lambda: all((row := site.only()) and row.state == state for site in (self.asking, self.lending)))

    def close(self) -> None:
        for site in (self.asking, self.lending):
            site.kill()
            site.database.close()
        for line in (self.there, self.back):
            line.shutdown()
            line.server_close()


def wait_until(true: Callable[[], object], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it never came about"
        time.sleep(0.05)


@pytest.fixture
def pair(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Pair]:
    made = Pair(tmp_path, request.param, seed=7)
    yield made
    made.close()


@pytest.mark.parametrize("pair", ["2021-2"], indirect=True)
def test_a_loan_with_cut_lines_and_a_killed_lender(pair: Pair) -> None:
    pair.ask("loan")
    pair.until("requested")
    pair.lending.move("accept")
    pair.lending.kill()
    pair.lending.start()
    pair.until("will_supply")
    pair.lending.move("ship", due=in_days(20))
    pair.until("shipped")
    pair.asking.move("receive")
    pair.asking.move("ask_renewal")
    pair.until("renewal_asked")
    pair.asking.kill()
    pair.lending.move("grant_renewal", due=in_days(40))
    pair.asking.start()
    pair.until("received")
    pair.asking.move("message", reason="封面略有破损")
    pair.asking.move("return")
    pair.until("returned")
    pair.lending.move("check_in")
    pair.until("completed")
    steps = ["place", "accept", "ship", "receive", "ask_renewal", "grant_renewal", "message", "return", "check_in"]
    assert pair.asking.actions() == pair.lending.actions() == steps
    cuts = pair.there.cuts + pair.back.cuts
    assert cuts["before"] >= 1
    assert cuts["after"] >= 1
    bodies = pair.there.bodies + pair.back.bodies
    assert len(set(bodies)) == 10, "a retry is the same message, byte for byte"
    assert len(bodies) > 10


@pytest.mark.parametrize("pair", ["1.2"], indirect=True)
def test_a_copy_with_cut_lines(pair: Pair) -> None:
    pair.ask("copy")
    pair.until("requested")
    pair.lending.move("deliver")
    pair.until("delivered")
    pair.asking.move("confirm")
    pair.until("completed")
    assert pair.asking.actions() == pair.lending.actions() == ["place", "deliver", "confirm"]
    for site in (pair.asking, pair.lending):
        row = site.only()
        assert row is not None
        with site.database.read() as session:
            assert store.supply(session, row.number) is not None
