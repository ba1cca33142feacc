"""A local OpenAI-compatible chat server, as a real process, that fails in every way a real one does.

``with OpenAIServer() as server: server.say("…", faults=["stall"])``. Faults come in a list: one for each call, the
last for all that follow; :data:`FAULTS` says what each does. ``server.calls()`` are the bodies received,
``server.hung_up()`` how many connections the client closed while the server was still speaking.
"""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

FAULTS = {
    "none": "speaks the text",
    "obey": "repeats the last message of the prompt",
    "slow_first": "no token for `pause` seconds",
    "stall": "silent for `pause` seconds in the middle",
    "cut": "closes the connection in the middle of an event",
    "silent_end": "ends the connection cleanly in the middle, without a reason",
    "endless": "never stops speaking",
    "endless_line": "one line of an event that never ends",
    "empty": "ends without a word",
    "bad_json": "an event that is half of a JSON document",
    "malformed_sse": "lines that are no events, then the end",
    "wrong_type": "200 with a page of HTML",
    "not_streamed": "200 with a whole JSON completion although a stream was asked for",
    "huge_token": "the text with 300,000 characters behind it, in one token",
    "tool_calls": "calls a tool instead of speaking",
    "reasoning": "DeepSeek's reasoning_content before the text",
    "slow_reasoning": "reasoning_content for `pause` seconds, always alive, then the text",
    "error_event": "an error object as an event in the middle of a 200 stream",
    "comments": "heartbeats for `pause` seconds and never an event",
    "gzip_bomb": "a compressed stream that is a thousand times larger inside",
    "redirect": "302 to another path of itself, which answers well",
    "surrogates": "half of a character, and control characters, in each token",
    "odd_content": "numbers, lists and nulls where text belongs",
    "retry_0": "429 with Retry-After: 0",
    "retry_60": "429 with Retry-After: 60",
    "retry_date": "503 with Retry-After as a date of the past",
}
"""Besides them ``http_NNN``: that status with a JSON error."""

RETRIES = {
    "retry_0": (429, "0"),
    "retry_60": (429, "60"),
    "retry_date": (503, "Wed, 21 Oct 2015 07:28:00 GMT"),
}


class _State:
    text = "好的。"
    faults: list[str] = ["none"]  # noqa: RUF012 - one process, one state
    pause = 5.0
    calls: list[dict[str, Any]] = []  # noqa: RUF012
    hung_up = 0


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:
        """Silent."""

    def do_GET(self) -> None:
        self._json(200, {"calls": _State.calls, "hung_up": _State.hung_up})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if self.path == "/control":
            _State.text, _State.faults, _State.pause = body["text"], body["faults"], body["pause"]
            _State.calls, _State.hung_up = [], 0
            self._json(200, {})
            return
        fault = _State.faults[min(len(_State.calls), len(_State.faults) - 1)]
        _State.calls.append(body)
        try:
            self._answer(fault, body)
        except (BrokenPipeError, ConnectionResetError):
            _State.hung_up += 1
            self.close_connection = True

    def _answer(self, fault: str, body: dict[str, Any]) -> None:
        error = {"error": {"message": "injected", "type": "server_error"}}
        if fault.startswith("http_"):
            self._json(int(fault[5:]), error)
        elif fault in RETRIES:
            status, after = RETRIES[fault]
            self._json(status, error, {"retry-after": after})
        elif fault == "wrong_type":
            self._send(200, b"<html><body>Welcome to nginx</body></html>", "text/html", {})
        elif fault == "redirect" and self.path != "/elsewhere":
            self._send(302, b"", "text/plain", {"location": "/elsewhere"})
        elif fault == "gzip_bomb":
            bomb = gzip.compress(b'data: {"choices": [{"delta": {"content": "' + b"a" * 64_000_000)
            self._send(200, bomb, "text/event-stream", {"content-encoding": "gzip"})
        elif fault == "not_streamed":
            message = {"role": "assistant", "content": _State.text}
            self._json(200, {"id": "c", "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]})
        else:
            self._stream(fault, body)

    def _stream(self, fault: str, body: dict[str, Any]) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("connection", "close")
        self.end_headers()
        self.close_connection = True
        text = body["messages"][-1]["content"] if fault == "obey" else _State.text
        if not self._before(fault):
            return
        pieces = [] if fault in ("empty", "tool_calls") else [text[at : at + 8] for at in range(0, len(text), 8)]
        if fault == "huge_token":
            pieces = [text + "长" * 300_000]
        if not self._spoken(fault, pieces):
            return
        self._chunk({"content": ""}, finish="tool_calls" if fault == "tool_calls" else "stop")
        self.wfile.write(b"data: [DONE]\n\n")

    def _before(self, fault: str) -> bool:
        """What a fault does before the text; False when nothing follows."""
        if fault == "slow_first":
            time.sleep(_State.pause)
        elif fault == "bad_json":
            self.wfile.write(b'data: {"choices": [{"del\n\n')
            return False
        elif fault == "malformed_sse":
            self.wfile.write(b"<<<\n\nid 7 data\n:\n\ndata\n\nevent: x\ndata: 7\n\ndata: [1,2]\n\n")
            return False
        elif fault == "comments":
            until = time.monotonic() + _State.pause
            while time.monotonic() < until:
                self.wfile.write(b": still here\n\n")
                self.wfile.flush()
                time.sleep(0.05)
            return False
        elif fault == "odd_content":
            for content in (7, None, [{"type": "text", "text": 9}], {"a": 1}, True):
                self._chunk({"content": content})
        elif fault == "endless_line":
            self.wfile.write(b'data: {"choices": [{"delta": {"content": "')
            while True:
                self.wfile.write(b"a" * 65_536)
        elif fault == "reasoning":
            for part in ("读者问的是设计者。", "系统提示要求我不要透露。"):
                self._chunk({"content": "", "reasoning_content": part})
        elif fault == "slow_reasoning":
            until = time.monotonic() + _State.pause
            while time.monotonic() < until:
                self._chunk({"content": None, "reasoning_content": "想"})
                time.sleep(0.1)
        elif fault == "tool_calls":
            function = {"name": "place_request", "arguments": '{"record_id": "b1"}'}
            call = {"index": 0, "id": "call_1", "type": "function", "function": function}
            self._chunk({"content": None, "tool_calls": [call]})
        return True

    def _spoken(self, fault: str, pieces: Sequence[str]) -> bool:
        """The text; False when the stream is over with it."""
        half = max(1, len(pieces) * 2 // 3)
        for number, piece in enumerate(pieces):
            if fault == "stall" and number == half:
                time.sleep(_State.pause)
            if fault == "cut" and number == half:
                self.wfile.write(b'data: {"choices": [{"delta": {"con')
                self.wfile.flush()
                self.connection.close()
                return False
            if fault == "silent_end" and number == half:
                return False
            if fault == "error_event" and number == half:
                self.wfile.write(b'data: {"error": {"message": "injected", "type": "server_error"}}\n\n')
                return False
            self._chunk({"content": f"\ud800{piece}\x00\x1b" if fault == "surrogates" else piece})
        while fault == "endless":
            self._chunk({"content": "没完没了地说下去，"})
        return True

    def _chunk(self, delta: dict[str, Any], finish: str | None = None) -> None:
        choice = {"index": 0, "delta": {"role": "assistant", **delta}, "finish_reason": finish}
        body = {"id": "c", "object": "chat.completion.chunk", "created": 0, "model": "fake", "choices": [choice]}
        self.wfile.write(f"data: {json.dumps(body)}\n\n".encode())
        self.wfile.flush()

    def _json(self, status: int, body: dict[str, Any], headers: dict[str, str] | None = None) -> None:
        self._send(status, json.dumps(body).encode(), "application/json", headers or {})

    def _send(self, status: int, content: bytes, kind: str, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {"content-type": kind, "content-length": str(len(content)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)


class OpenAIServer:
    """The server in a process of its own; ``url`` is the base URL for clients."""

    def __enter__(self) -> OpenAIServer:
        self._process = subprocess.Popen([sys.executable, __file__], stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self.url = f"http://127.0.0.1:{int(self._process.stdout.readline())}/v1"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()

    def say(self, text: str, *, faults: Sequence[str] = ("none",), pause: float = 5.0) -> None:
        """What the next answers say, and how they fail."""
        body = json.dumps({"text": text, "faults": list(faults), "pause": pause}).encode()
        request = urllib.request.Request(self.url.replace("/v1", "/control"), data=body, method="POST")
        urllib.request.urlopen(request).close()

    def calls(self) -> list[dict[str, Any]]:
        """The bodies of the calls since the last :meth:`say`."""
        found: list[dict[str, Any]] = self._report()["calls"]
        return found

    def hung_up(self) -> int:
        """Connections closed by the client in mid-stream since the last :meth:`say`."""
        return int(self._report()["hung_up"])

    def _report(self) -> dict[str, Any]:
        with urllib.request.urlopen(self.url.replace("/v1", "/calls")) as response:
            found: dict[str, Any] = json.load(response)
            return found


if __name__ == "__main__":
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 0
    server = ThreadingHTTPServer(("127.0.0.1", port), _Handler)
    server.daemon_threads = True
    print(server.server_address[1], flush=True)
    server.serve_forever()
