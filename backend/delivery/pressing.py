"""Runs :mod:`backend.delivery.press` in a process of its own, so that a hostile file can hurt nothing else."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

from backend.core.errors import InputError

log = logging.getLogger(__name__)

MEMORY = 1536 * 1024**2
CPU_SECONDS = 120
WALL_SECONDS = 240.0
_SLOTS = threading.BoundedSemaphore(2)
"""How many files are worked on at once: with their memory this fits a small server."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pressed:
    """What came of it. ``removed``: active contents that were left behind, in words."""

    pages: int
    removed: tuple[str, ...] = ()


def press(
    source: Path, target: Path, kind: str, *, line: str, mark: str, title: str, max_pages: int, max_bytes: int
) -> Pressed:
    """Make ``target`` of ``source`` under limits of memory, time and size.

    :raises InputError: with the reason in words, when the file cannot be delivered.
    """
    order = {
        "source": str(source), "target": str(target), "kind": kind, "line": line, "mark": mark, "title": title,
        "max_pages": max_pages, "memory": MEMORY, "seconds": CPU_SECONDS, "max_bytes": max_bytes,
    }  # fmt: skip
    try:
        with _SLOTS:
            done = subprocess.run(
                [sys.executable, "-m", "backend.delivery.press"],
                input=json.dumps(order),
                capture_output=True,
                text=True,
                timeout=WALL_SECONDS,
                check=False,
                cwd=Path(__file__).parents[2],
            )
    except subprocess.TimeoutExpired as error:
        raise _refused("处理这份文件用时过长，请检查文件后重试。", "time") from error
    if done.returncode != 0:
        log.warning("an upload ended its process (%s): %s", done.returncode, done.stderr[-1000:])
        raise _refused("这份文件无法处理：可能已损坏，或解开后过大。", "damaged")
    answer = json.loads(done.stdout)
    if "refused" in answer:
        log.info("an upload was refused: %s %s", answer["refused"], answer.get("cause", ""))
        raise _refused(str(answer["message"]), str(answer["refused"]))
    return Pressed(pages=int(answer["pages"]), removed=tuple(answer["removed"]))


def _refused(message: str, reason: str) -> InputError:
    return InputError(message, detail={"where": "file", "reason": reason})
