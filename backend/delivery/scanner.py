"""clamd's INSTREAM command: chunks with their length before them, a zero at the end, one line back (clamd(8))."""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable
from pathlib import Path

from backend.core.errors import InputError, UpstreamError

CHUNK = 64 * 1024
Scan = Callable[[Path], None]


def clamd(address: str, *, timeout: float = 60.0) -> Scan:
    """A scan by the clamd at ``host:port`` or a socket's path.

    The scan raises :class:`InputError` for a file that clamd names, and :class:`UpstreamError` when clamd cannot say:
    what was not scanned is not delivered.
    """

    def scan(path: Path) -> None:
        try:
            verdict = _ask(address, path, timeout)
        except OSError as error:
            raise UpstreamError("病毒扫描服务暂时不可用，请稍后再上传。", detail={"reason": "scanner"}) from error
        if verdict.endswith("FOUND"):
            found = verdict.removesuffix("FOUND").partition(":")[2].strip()
            raise InputError(f"文件含有病毒（{found[:100]}），未予接收。", detail={"where": "file", "reason": "virus"})
        if not verdict.endswith("OK"):
            raise UpstreamError("病毒扫描未能完成，请稍后再上传。", detail={"reason": "scanner"})

    return scan


def _ask(address: str, path: Path, timeout: float) -> str:
    with _connect(address, timeout) as line, path.open("rb") as file:
        line.sendall(b"zINSTREAM\0")
        while chunk := file.read(CHUNK):
            line.sendall(struct.pack("!I", len(chunk)) + chunk)
        line.sendall(struct.pack("!I", 0))
        answer = b""
        while part := line.recv(4096):
            answer += part
    return answer.decode("utf-8", "replace").strip("\0\r\n ")


def _connect(address: str, timeout: float) -> socket.socket:
    if address.startswith("/"):
        line = socket.socket(socket.AF_UNIX)
        line.settimeout(timeout)
        line.connect(address)
        return line
    host, _, port = address.rpartition(":")
    return socket.create_connection((host or "127.0.0.1", int(port)), timeout)
