"""Hundreds of streams opened, dropped, read slowly and resumed: what does the server keep?

``python -m tests.benchmarks.streams [--streams 200] [--rounds 5]`` starts a server over the small test consortium,
whose model speaks slowly, and prints its resident memory after each round, and whether every resumed text was whole.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx

from backend.core.tokens import VisitorTokens
from tests.chat.conftest import bearer
from tests.chat.serving import KEY
from tests.chat.test_processes import QUESTION, TEXT, Server


def resident(process: int) -> float:
    """MiB."""
    status = Path(f"/proc/{process}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


class Client:
    """One reader, who hangs up at random."""

    def __init__(self, server: Server, http: httpx.AsyncClient, number: int) -> None:
        self._server = server
        self._http = http
        self._headers = {**bearer(VisitorTokens(KEY, ttl=3600), f"v_{number}"), "Accept": "text/event-stream"}
        self.turn = ""
        self.last = 0
        self.text = ""
        self.over = False

    async def read(self, *, at_most: int, pause: float = 0.0) -> None:
        """Up to ``at_most`` events, ``pause`` seconds after each, then hang up."""
        if self.turn:
            address = f"{self._server.url}/api/chat/turns/{self.turn}/events"
            opened = self._http.stream("GET", address, headers={**self._headers, "Last-Event-ID": str(self.last)})
        else:
            address = f"{self._server.url}/api/chat/turns"
            opened = self._http.stream("POST", address, json={"question": QUESTION}, headers=self._headers)
        fields: dict[str, str] = {}
        async with opened as response:
            async for line in response.aiter_lines():
                name, _, value = line.partition(": ")
                if line:
                    fields[name] = value
                    continue
                if "event" in fields:
                    self._take(int(fields["id"]), fields["event"], json.loads(fields["data"]))
                    at_most -= 1
                    await asyncio.sleep(pause)
                fields = {}
                if at_most <= 0 or self.over:
                    return

    def _take(self, number: int, name: str, payload: dict[str, Any]) -> None:
        assert number > self.last, "told twice"
        self.last = number
        if name == "meta":
            self.turn = payload["id"]
        elif name == "delta":
            self.text += payload["text"]
        elif name == "replace":
            self.text = payload["text"]
        self.over = name in ("done", "error")


async def round_of(server: Server, streams: int, offset: int) -> tuple[int, int]:
    """(resumed to the end, of them whole)"""
    limits = httpx.Limits(max_connections=streams + 10)
    async with httpx.AsyncClient(limits=limits, timeout=120) as http:
        clients = [Client(server, http, offset + number) for number in range(streams)]
        await asyncio.gather(*[client.read(at_most=random.randint(1, 4)) for client in clients])
        back = random.sample(clients, streams // 4)
        await asyncio.gather(*[client.read(at_most=10_000, pause=random.choice([0.0, 0.05])) for client in back])
        return len(back), sum(client.text == TEXT for client in back)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--streams", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        server = Server("--database", f"sqlite:///{folder}/chat.sqlite3", pace=0.5)
        try:
            print(f"at start: {resident(server.process.pid):.0f} MiB")
            for number in range(given.rounds):
                began = time.monotonic()
                back, whole = asyncio.run(round_of(server, given.streams, number * given.streams))
                memory = resident(server.process.pid)
                print(
                    f"round {number + 1}: {given.streams} streams opened and dropped, {back} resumed, {whole} whole, "
                    f"{time.monotonic() - began:.1f} s, {memory:.0f} MiB",
                    flush=True,
                )
        finally:
            server.kill()


if __name__ == "__main__":
    main()
