"""What a person at a terminal, or a log, is shown: progress on stderr, results on stdout."""

from __future__ import annotations

import json
import sys
import time
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as RichProgress

from indexer.progress import Progress

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)


class Bar:
    """A progress bar a step, on a terminal."""

    def __init__(self) -> None:
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
        )
        self._bars = RichProgress(*columns, console=err)
        self._task: Any = None

    def start(self, step: str, total: int | None = None) -> None:
        self._bars.start()
        self._complete()
        self._task = self._bars.add_task(step, total=total)

    def advance(self, count: int = 1) -> None:
        if self._task is not None:
            self._bars.advance(self._task, count)

    def finish(self) -> None:
        self._complete()
        self._bars.stop()

    def _complete(self) -> None:
        if self._task is not None:
            task = next(task for task in self._bars.tasks if task.id == self._task)
            self._bars.update(self._task, total=task.completed)
            self._task = None


class Lines:
    """A plain line when a step starts, every ten seconds, and when it ends: for logs."""

    def __init__(self, *, every: float = 10.0) -> None:
        self._every = every
        self._step = ""
        self._total: int | None = None
        self._done = 0
        self._began = self._said = time.monotonic()

    def start(self, step: str, total: int | None = None) -> None:
        self._close()
        self._step, self._total, self._done = step, total, 0
        self._began = self._said = time.monotonic()

    def advance(self, count: int = 1) -> None:
        self._done += count
        if time.monotonic() - self._said >= self._every:
            self._said = time.monotonic()
            self._say("…")

    def finish(self) -> None:
        self._close()
        self._step = ""

    def _close(self) -> None:
        if self._step:
            self._say(f"done in {time.monotonic() - self._began:.1f} s")

    def _say(self, rest: str) -> None:
        of = f"/{self._total}" if self._total is not None else ""
        print(f"{self._step}: {self._done}{of} {rest}", file=sys.stderr, flush=True)  # noqa: T201


def progress() -> Progress:
    """A bar on a terminal, plain lines elsewhere."""
    return Bar() if sys.stderr.isatty() else Lines()


def print_json(value: Any) -> None:
    """One JSON document on stdout and nothing else."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=2) + "\n")
