"""Text → sentences with their places. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

_END = re.compile(r"[。！？!?；;\n]+[”’」』）)\]】]*|(?<=[a-z\d)])\.(?=\s+[A-Z\"'(\d])|(?<=[A-Za-z]{2})\.(?=\s|$)")
_LIST_MARK = re.compile(r"\s*(?:[（(]?[\d一二三四五六七八九十]{1,3}[)）、.．]|第[\d一二三四五六七八九十]+步)")
LONGEST = 240
"""Characters of a unit that still reads as one sentence; longer ones are cut at commas."""


@dataclass(frozen=True, slots=True)
class Span:
    """``[start, end)`` of a text, without surrounding blanks."""

    start: int
    end: int


def split(text: str, *, start: int = 0, end: int | None = None) -> list[Span]:
    """The sentences of ``text[start:end]``, as offsets into ``text``, in order; blanks are dropped."""
    stop = len(text) if end is None else min(end, len(text))
    found: list[Span] = []
    at = start
    for match in _END.finditer(text, start, stop):
        found.extend(_pieces(text, at, match.end()))
        at = match.end()
    found.extend(_pieces(text, at, stop))
    return found


def _pieces(text: str, start: int, end: int) -> list[Span]:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    if not any(character.isalnum() for character in text[start:end]):
        return []
    if end - start <= LONGEST:
        return [Span(start, end)]
    cut = max(text.rfind(mark, start, start + LONGEST) for mark in "，,、 ")
    middle = cut + 1 if cut > start else start + LONGEST
    return [*_pieces(text, start, middle), *_pieces(text, middle, end)]


def is_step(text: str) -> bool:
    """Does the sentence begin like a step or a numbered item?"""
    return _LIST_MARK.match(text) is not None
