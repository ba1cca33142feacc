"""Ten thousand requests through the HTTP API of a real server and worker, both killed (-9) in the middle.

``python -m tests.benchmarks.delivery_load [--requests 10000] [--clients 8] [--database postgresql+psycopg://…/empty]``

Clients repeat what was not acknowledged under the same Idempotency-Key. Printed: throughput, latency, CPU a request;
checked at the end, in the database: every request is there once, whole, and nothing that was due is left undone.
"""

from __future__ import annotations

import argparse
import asyncio
import csv
import os
import resource
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import func, select

from backend import migrations
from backend.consortium import members
from backend.core import jobs
from backend.core.db import Database
from backend.delivery import timers
from backend.delivery.models import HistoryRow, NoticeRow, RequestRow, RotaRow

ORIGIN = "http://library.example"
HOLDERS = ("city", "college")
BOOKS = 200
DISASTERS = (0.4, 0.7)
"""Shares of the requests after which everything is killed."""


class Site:
    """A server and, where the database is PostgreSQL, a worker process, over one data directory."""

    def __init__(self, folder: Path, database_url: str) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.base = f"http://127.0.0.1:{self.port}"
        self.env = os.environ | {"LIANWEN_DATA_DIR": str(folder), "LIANWEN_RATE_LIMIT": "off"}
        self.separate = database_url.startswith("postgresql")
        if self.separate:
            self.env["LIANWEN_DATABASE_URL"] = database_url
        self.url = database_url or f"sqlite:///{folder / 'lianwen.sqlite3'}"
        self.running: dict[str, subprocess.Popen[bytes]] = {}

    def command(self, *words: str) -> list[str]:
        return [sys.executable, "-c", "from backend.cli import main; main()", *words]

    def start(self, *names: str) -> None:
        words = {"serve": ("serve", "--port", str(self.port)), "worker": ("worker",)}
        for name in names or (("serve", "worker") if self.separate else ("serve",)):
            self.running[name] = subprocess.Popen(self.command(*words[name]), env=self.env)

    def kill(self, *names: str) -> None:
        for name in names or tuple(self.running):
            process = self.running.pop(name)
            process.kill()
            process.wait()

    def prepare(self, folder: Path) -> None:
        """Members, agreements, and books that two of them hold."""
        database = Database(self.url)
        migrations.upgrade(database.engine)
        with database.begin() as session:
            for code in (*HOLDERS, "county"):
                members.add_member(session, code, name=code, origins=[ORIGIN])
            for supplier in HOLDERS:
                members.add_agreement(
                    session, requester="county", supplier=supplier, service="loan", valid_from=date(2020, 1, 1)
                )
        database.close()
        books = folder / "books.csv"
        with books.open("w", newline="", encoding="utf-8") as out:
            table = csv.writer(out)
            table.writerow(["id", "title", "creators", "year", "call_number", "member"])
            for number in range(BOOKS):
                row = [f"b{number}", f"县志资料选编第{number}辑", f"作者{number}", 2000, f"K29/{number}"]
                table.writerow([*row, HOLDERS[number % 2]])
        load = self.command("ingest", str(books), "--collection", "馆藏", "--kind", "catalogue", "--member", "city")
        subprocess.run(load, env=self.env, check=True, stdout=subprocess.DEVNULL)


class Load:
    """Clients that place requests and do not rest until each is acknowledged."""

    def __init__(self, site: Site, count: int, clients: int) -> None:
        self.site, self.count, self.clients = site, count, clients
        self.numbers: dict[int, str] = {}
        self.latencies: list[float] = []
        self.faults = Counter[str]()
        self.outages: list[float] = []
        self.interrupted = 0
        self._reached = {share: asyncio.Event() for share in DISASTERS}

    async def run(self) -> float:
        async with httpx.AsyncClient(base_url=self.site.base, timeout=30, headers={"origin": ORIGIN}) as client:
            await self._up(client)
            found = (await client.get("/api/search", params={"q": "县志资料选编", "size": 100})).json()
            records = [hit["id"] for hit in found["hits"]]
            tokens = [await self._token(client) for _ in range(self.count // len(records) + 1)]
            began = time.perf_counter()
            todo = iter(range(self.count))
            disaster = asyncio.create_task(self._disaster(client))
            await asyncio.gather(*(self._place_all(client, todo, records, tokens) for _ in range(self.clients)))
            took = time.perf_counter() - began
            await disaster
            return took

    async def _up(self, client: httpx.AsyncClient) -> None:
        for _ in range(1200):
            try:
                if (await client.get("/healthz")).status_code == 200:
                    return
            except httpx.HTTPError:
                pass
            await asyncio.sleep(0.1)
        raise SystemExit("the server does not come up")

    async def _token(self, client: httpx.AsyncClient) -> str:
        answer = await client.post("/api/visitors", json={"member": "county"})
        return str(answer.raise_for_status().json()["token"])

    async def _disaster(self, client: httpx.AsyncClient) -> None:
        """Everything dies after four tenths, and once more after seven."""
        for share in DISASTERS:
            await self._reached[share].wait()
            began = time.perf_counter()
            await asyncio.to_thread(self.site.kill)
            self.site.start()
            await self._up(client)
            self.outages.append(time.perf_counter() - began)

    async def _place_all(
        self, client: httpx.AsyncClient, todo: Iterator[int], records: list[str], tokens: list[str]
    ) -> None:
        for index in todo:
            body = {
                "record_id": records[index % len(records)],
                "service": "loan",
                "patron": {"name": f"读者{index}", "contact": f"reader{index}@example.org"},
                "note": f"第{index}份",
            }
            headers = {"authorization": f"Bearer {tokens[index // len(records)]}", "idempotency-key": f"load-{index}"}
            began, tries = time.perf_counter(), 0
            while True:
                tries += 1
                answer = await self._try(client, body, headers)
                if answer is not None:
                    break
                await asyncio.sleep(0.25)
            self.numbers[index] = answer
            for share in DISASTERS:
                if len(self.numbers) >= self.count * share:
                    self._reached[share].set()
            self.interrupted += tries > 1
            if tries == 1:
                self.latencies.append(time.perf_counter() - began)

    async def _try(self, client: httpx.AsyncClient, body: Any, headers: dict[str, str]) -> str | None:
        try:
            answer = await client.post("/api/delivery/requests", json=body, headers=headers)
        except httpx.HTTPError as error:
            self.faults[type(error).__name__] += 1
            return None
        if answer.status_code != 201:
            self.faults[str(answer.status_code)] += 1
            return None
        return str(answer.json()["number"])


def settle(database: Database) -> float:
    """Seconds until nothing that is due is left."""
    began = time.perf_counter()
    while True:
        with database.read() as session:
            left = jobs.waiting(session)
        if not left or time.perf_counter() - began > 600:
            return time.perf_counter() - began
        time.sleep(0.2)


def check(database: Database, load: Load) -> list[str]:
    """What is wrong; nothing, if all is well."""
    with database.read() as session:
        stored = set(session.scalars(select(RequestRow.number)))
        keys = list(session.scalars(select(RequestRow.idempotency_key)))
        placed = Counter(session.scalars(select(HistoryRow.number).where(HistoryRow.action == "place")))
        asked = Counter(session.scalars(select(RotaRow.number).where(RotaRow.state == "asked")))
        timed = Counter(session.scalars(select(jobs.JobRow.unique_key).where(jobs.JobRow.kind == timers.KIND)))
        told = Counter(session.scalars(select(NoticeRow.number).where(NoticeRow.recipient == "patron")))
        states = Counter(session.scalars(select(RequestRow.state)))
        undone = session.scalar(select(func.count()).select_from(NoticeRow).where(NoticeRow.state == "queued")) or 0
        left = jobs.waiting(session)
    once = dict.fromkeys(stored, 1)
    found = {
        "acknowledged but missing": len(set(load.numbers.values()) - stored),
        "stored but never acknowledged": len(stored - set(load.numbers.values())),
        "keys used twice": len(keys) - len(set(keys)),
        "not placed exactly once": placed != once,
        "not asked exactly once": asked != once,
        "without exactly one timer": timed != once,
        "reader not told exactly once": told != once,
        "not waiting for an answer": states != {"requested": len(stored)},
        "notices left": undone,
        "steps left": left,
    }
    return [f"{what}: {how}" for what, how in found.items() if how]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--database", default="", help="an empty PostgreSQL database; default: SQLite")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        site = Site(Path(name), asked.database)
        site.prepare(Path(name))
        site.start()
        load = Load(site, asked.requests, asked.clients)
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        try:
            took = asyncio.run(load.run())
            database = Database(site.url)
            settled = settle(database)
            wrong = check(database, load)
            database.close()
        finally:
            site.kill()
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = (after.ru_utime + after.ru_stime) - (before.ru_utime + before.ru_stime)
    ordered = sorted(load.latencies)
    p50, p90, p99 = (1000 * ordered[int(len(ordered) * share)] for share in (0.5, 0.9, 0.99))
    up = took - sum(load.outages)
    distinct = len(set(load.numbers.values()))
    print(f"{'PostgreSQL + worker' if site.separate else 'SQLite, worker in the server'}: {distinct} requests placed")
    print(f"{took:.1f} s in all, {up:.1f} s of it with a server: {asked.requests / up:.0f} requests/s")
    print(f"latency p50 {p50:.0f} ms, p90 {p90:.0f} ms, p99 {p99:.0f} ms ({asked.clients} clients)")
    print(f"killed twice (-9), away {', '.join(f'{gap:.1f} s' for gap in load.outages)}; repeated {load.interrupted}")
    print(f"faults the clients saw: {dict(load.faults)}; due steps done {settled:.1f} s after the last request")
    print(f"CPU of server and worker: {1000 * cpu / asked.requests:.1f} ms a request (start-ups included)")
    print("all there, once, whole" if not wrong else "WRONG: " + "; ".join(wrong))
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
