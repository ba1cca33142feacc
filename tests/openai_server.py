"""A local OpenAI-compatible chat server, as a real process, that fails in every way a real one does.

``with OpenAIServer() as server: server.say("…", fault="stall")``. Faults: ``none``, ``slow_first`` (no token for
``pause`` seconds), ``stall`` (silent after the first chunks), ``http_429``, ``http_500``, ``bad_json``, ``cut`` (closes
the connection in mid-stream), ``endless``, ``empty``, ``obey`` (repeats whatever stands in the prompt).
Faults come in a list: one for each call, the last for all that follow.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any


class _State:
    text = "好的。"
    faults: list[str] = ["none"]  # noqa: RUF012 - one process, one state
    pause = 5.0
    calls: list[dict[str, Any]] = []  # noqa: RUF012


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:
        """Silent."""

    def do_GET(self) -> None:
        self._json(200, {"calls": _State.calls})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if self.path == "/control":
            _State.text, _State.faults, _State.pause = body["text"], body["faults"], body["pause"]
            _State.calls = []
            self._json(200, {})
            return
        fault = _State.faults[min(len(_State.calls), len(_State.faults) - 1)]
        _State.calls.append(body)
        if fault.startswith("http_"):
            self._json(int(fault[5:]), {"error": {"message": "injected", "type": "server_error"}})
            return
        try:
            self._stream(fault, body)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def _stream(self, fault: str, body: dict[str, Any]) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("connection", "close")
        self.end_headers()
        self.close_connection = True
        if fault == "slow_first":
            time.sleep(_State.pause)
        if fault == "bad_json":
            self.wfile.write(b'data: {"choices": [{"del\n\n')
            return
        text = body["messages"][-1]["content"] if fault == "obey" else _State.text
        pieces = [] if fault == "empty" else [text[at : at + 8] for at in range(0, len(text), 8)]
        half = max(1, len(pieces) * 2 // 3)
        for number, piece in enumerate(pieces):
            if fault == "stall" and number == half:
                time.sleep(_State.pause)
            if fault == "cut" and number == half:
                self.wfile.write(b'data: {"choices": [{"delta": {"con')
                self.wfile.flush()
                self.connection.close()
                return
            self._chunk(piece)
        while fault == "endless":
            self._chunk("没完没了地说下去，")
        self._chunk("", finish="stop")
        self.wfile.write(b"data: [DONE]\n\n")

    def _chunk(self, text: str, finish: str | None = None) -> None:
        choice = {"index": 0, "delta": {"role": "assistant", "content": text}, "finish_reason": finish}
        body = {"id": "c", "object": "chat.completion.chunk", "created": 0, "model": "fake", "choices": [choice]}
        self.wfile.write(f"data: {json.dumps(body, ensure_ascii=False)}\n\n".encode())
        self.wfile.flush()

    def _json(self, status: int, body: dict[str, Any]) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(content)))
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
        with urllib.request.urlopen(self.url.replace("/v1", "/calls")) as response:
            found: list[dict[str, Any]] = json.load(response)["calls"]
            return found


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    print(server.server_address[1], flush=True)
    server.serve_forever()
