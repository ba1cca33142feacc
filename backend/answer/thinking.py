"""What a model thinks aloud is not its answer: reasoning blocks are taken out of the stream.

Reasoning models put it into ``<think>…</think>`` (some only close the block, because their template opened it); tags
may be cut anywhere between two chunks.
"""

from __future__ import annotations

import re

_OPEN = re.compile(r"<\s*(think|thinking|thought|reasoning|reflection)\s*>", re.I)
_CLOSE = re.compile(r"<\s*/\s*(think|thinking|thought|reasoning|reflection)\s*>", re.I)
_LONGEST_TAG = 24


class Thinking:
    """Feed it chunks; it returns the text that is no reasoning.

    ``closed_unopened`` is set when a block was closed that was never opened: all text until then was reasoning.
    """

    def __init__(self) -> None:
        self._rest = ""
        self._inside = False
        self.closed_unopened = False

    def feed(self, chunk: str) -> str:
        """The visible text so far; what may be the beginning of a tag waits."""
        self._rest += chunk
        shown = ""
        while True:
            tag = self._next()
            if tag is None:
                break
            before, self._rest = self._rest[: tag.start()], self._rest[tag.end() :]
            if _OPEN.fullmatch(tag.group()):
                shown += "" if self._inside else before
                self._inside = True
                continue
            if not self._inside:
                self.closed_unopened, shown = True, ""
            self._inside = False
        keep = _tail(self._rest)
        visible, self._rest = self._rest[: len(self._rest) - keep], self._rest[len(self._rest) - keep :]
        return shown if self._inside else shown + visible

    def finish(self) -> str:
        """What waited, when the stream has ended."""
        rest, self._rest = self._rest, ""
        return "" if self._inside else rest

    def _next(self) -> re.Match[str] | None:
        found = [match for match in (_OPEN.search(self._rest), _CLOSE.search(self._rest)) if match]
        return min(found, key=lambda match: match.start()) if found else None


def _tail(text: str) -> int:
    """How many characters at the end may be the beginning of a tag."""
    at = text.rfind("<", max(0, len(text) - _LONGEST_TAG))
    return len(text) - at if at >= 0 and ">" not in text[at:] else 0
