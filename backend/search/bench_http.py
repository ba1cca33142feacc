"""Searches over HTTP: several readers at once, each asking as fast as it is answered."""

from __future__ import annotations

import http.client
import os
import threading
import time
import urllib.parse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

_TIMEOUT = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class OverHttp:
    """``clients`` readers asked ``searches`` questions of ``workers`` processes. Milliseconds; ``cpu``: the server's
    processor time for one search; ``resident``: MiB of all the server's processes, what they share counted once."""

    workers: int
    clients: int
    searches: int
    p50: float
    p95: float
    p99: float
    per_second: float
    cpu: float
    resident: float


def ask_over_http(port: int, asked: Sequence[str], *, workers: int, clients: int, processes: Sequence[int]) -> OverHttp:
    """Ask a server on this machine each question once, after a tenth of them to warm it up.

    :raises RuntimeError: when it answers anything but 200.
    """
    paths = [f"/api/search?q={urllib.parse.quote(question)}" for question in asked]
    warm = len(paths) // 10
    _Reader(port, paths[:warm]).run()
    shares = [_Reader(port, paths[warm + number :: clients]) for number in range(clients)]
    spent = -sum(processor_seconds(process) for process in processes)
    started = time.perf_counter()
    threads = [threading.Thread(target=reader.run) for reader in shares]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.perf_counter() - started
    spent += sum(processor_seconds(process) for process in processes)
    for reader in shares:
        if reader.problem:
            raise RuntimeError(reader.problem)
    times = [one for reader in shares for one in reader.times]
    p50, p95, p99 = (round(float(value) * 1000, 2) for value in np.percentile(times, [50, 95, 99]))
    return OverHttp(
        workers=workers,
        clients=clients,
        searches=len(times),
        p50=p50,
        p95=p95,
        p99=p99,
        per_second=round(len(times) / seconds, 1),
        cpu=round(spent / len(times) * 1000, 2),
        resident=round(sum(proportional(process) for process in processes), 1),
    )


class _Reader:
    """One connection, kept open."""

    def __init__(self, port: int, paths: Sequence[str]) -> None:
        self._port = port
        self._paths = paths
        self.times: list[float] = []
        self.problem = ""

    def run(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=_TIMEOUT)
        try:
            for path in self._paths:
                started = time.perf_counter()
                connection.request("GET", path)
                answer = connection.getresponse()
                body = answer.read()
                self.times.append(time.perf_counter() - started)
                if answer.status != 200:
                    self.problem = f"{path}: {answer.status} {body[:200]!r}"
                    return
        except (OSError, http.client.HTTPException) as error:
            self.problem = f"the server on port {self._port} cannot be asked: {error!r}"
        finally:
            connection.close()


def proportional(process: int) -> float:
    """MiB of a process, of what it shares with others only its share."""
    lines = Path(f"/proc/{process}/smaps_rollup").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


def processor_seconds(process: int) -> float:
    """What a process has used of the processors so far."""
    fields = Path(f"/proc/{process}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def family(process: int) -> list[int]:
    """A process and all that it started."""
    found = [process]
    for task in Path(f"/proc/{process}/task").iterdir():
        for child in (task / "children").read_text(encoding="ascii").split():
            found += family(int(child))
    return found
