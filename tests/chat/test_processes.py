"""Real processes: one killed in mid-answer, and two that share a database and Redis."""

from __future__ import annotations

import json
import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import redis

from backend.core.tokens import VisitorTokens
from tests.chat.conftest import bearer
from tests.chat.serving import KEY, SENTENCES

pytestmark = pytest.mark.services

ROOT = Path(__file__).parents[2]
QUESTION = "青山水库是谁设计的"
REDIS_URL = os.environ.get("LIANWEN_TEST_REDIS_URL", "redis://127.0.0.1:6379/0")
TEXT = "".join(sentence.removesuffix("[1]") for sentence in SENTENCES)


class Server:
    """One server process; ``kill`` is kill -9."""

    def __init__(self, *arguments: str, pace: float) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        command = [sys.executable, "-m", "tests.chat.serving", "--port", str(port), "--pace", str(pace), *arguments]
        self.process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)})
        self.url = f"http://127.0.0.1:{port}"
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                httpx.get(self.url, timeout=1)
                return
            except httpx.TransportError:
                time.sleep(0.05)
        raise AssertionError("the server did not start")

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.fixture
def headers() -> dict[str, str]:
    return {**bearer(VisitorTokens(KEY, ttl=600)), "Accept": "text/event-stream"}


def events(response: httpx.Response) -> Iterator[tuple[int, str, dict[str, Any]]]:
    fields: dict[str, str] = {}
    for line in response.iter_lines():
        if line == "" and "event" in fields:
            yield int(fields["id"]), fields["event"], json.loads(fields["data"])
            fields = {}
        name, _, value = line.partition(": ")
        fields[name] = value


def until_delta(server: Server, headers: dict[str, str]) -> tuple[str, str, int, str]:
    """Ask, read to the first words, hang up: (turn, conversation, last event, text so far)."""
    with httpx.stream("POST", f"{server.url}/api/chat/turns", json={"question": QUESTION}, headers=headers) as response:
        turn = conversation = ""
        for number, name, payload in events(response):
            if name == "meta":
                turn, conversation = payload["id"], payload["conversation_id"]
            if name == "delta":
                return turn, conversation, number, payload["text"]
    raise AssertionError("no words came")


def resumed(server: Server, headers: dict[str, str], turn: str, after: int, text: str) -> tuple[str, dict[str, Any]]:
    """(text after the last event, payload of the last event)."""
    given = {**headers, "Last-Event-ID": str(after)}
    address = f"{server.url}/api/chat/turns/{turn}/events"
    last: dict[str, Any] = {}
    with httpx.stream("GET", address, headers=given, timeout=60) as response:
        for number, name, payload in events(response):
            assert number > after
            after, last = number, payload
            if name == "delta":
                text += payload["text"]
            elif name == "replace":
                text = payload["text"]
    return text, last


def test_a_turn_whose_server_was_killed_is_ended_and_its_conversation_goes_on(
    tmp_path: Path, headers: dict[str, str]
) -> None:
    arguments = ("--database", f"sqlite:///{tmp_path / 'chat.sqlite3'}")
    first = Server(*arguments, pace=30)
    try:
        turn, conversation, after, text = until_delta(first, headers)
    finally:
        first.kill()
    second = Server(*arguments, pace=0)
    try:
        _, last = resumed(second, headers, turn, after, text)
        assert last["code"] == "interrupted"
        body = {"question": QUESTION, "conversation_id": conversation}
        given = {**headers, "Accept": "application/json"}
        answer = httpx.post(f"{second.url}/api/chat/turns", json=body, headers=given, timeout=60)
        assert answer.json()["text"] == TEXT
        kept = httpx.get(f"{second.url}/api/chat/conversations/{conversation}", headers=given).json()
        assert [one["id"] for one in kept["turns"]] == [answer.json()["id"]]
    finally:
        second.kill()


def test_a_turn_begun_in_one_process_is_read_and_stopped_in_another(tmp_path: Path, headers: dict[str, str]) -> None:
    prefix = f"test-{secrets.token_hex(6)}:"
    arguments = ("--database", f"sqlite:///{tmp_path / 'chat.sqlite3'}", "--redis", REDIS_URL, "--prefix", prefix)
    one, other = Server(*arguments, pace=3), Server(*arguments, pace=3)
    try:
        turn, conversation, after, text = until_delta(one, headers)
        busy = {"question": "谢谢", "conversation_id": conversation}
        assert httpx.post(f"{other.url}/api/chat/turns", json=busy, headers=headers).status_code == 409
        text, last = resumed(other, headers, turn, after, text)
        assert text == last["turn"]["text"] == TEXT
        turn, _, after, text = until_delta(one, headers)
        httpx.post(f"{other.url}/api/chat/turns/{turn}/stop", headers=headers, timeout=30)
        text, last = resumed(other, headers, turn, after, text)
        assert last["turn"]["reason"] == "stopped"
        assert text == last["turn"]["text"]
        assert len(text) < len(TEXT)
    finally:
        one.kill()
        other.kill()
        with redis.Redis.from_url(REDIS_URL) as client:
            for key in client.scan_iter(f"{prefix}*"):
                client.delete(key)
