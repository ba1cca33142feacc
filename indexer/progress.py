"""How long work reports itself. The command line draws a bar on a terminal and plain lines in a log."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """A long task's steps. ``total`` is None while it is not known; counts are items, not percent."""

    def start(self, step: str, total: int | None = None) -> None:
        """A new step begins; the one before is done."""

    def advance(self, count: int = 1) -> None:
        """``count`` more items of the current step are done."""

    def finish(self) -> None:
        """The last step is done."""


class Silent:
    """Progress that nobody watches."""

    def start(self, step: str, total: int | None = None) -> None: ...

    def advance(self, count: int = 1) -> None: ...

    def finish(self) -> None: ...
