"""Splits a stored text into passages: at clause and sentence borders, about 220 characters, exact offsets, stable ids.

A passage's id is a hash of its item, its place among equal passages, its characters and its context: what did not
change keeps its id (and its vector). Borders are local: a long paragraph is split by itself, short ones are gathered
whole, and a long run of them is cut where a line's own characters say so; so an edit moves no border further away.
"""

from __future__ import annotations

import hashlib
import re
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise

from indexer.records import Block, Passage

TARGET = 220
LONGEST = 360
SHORT = 110
"""A paragraph with fewer characters is gathered with its neighbours."""
EVERY = 12

# A sentence ends with its mark and the closing quotes and brackets after it; a line break ends it, too.
_SENTENCE = re.compile(r"[^。！？!?；;\n]*(?:[。！？!?；;]+[”’」』）)】》]*|\n+|$)|[^.]+")
_BREAK = re.compile(r"\n+")
_SOFT = re.compile(r"(?<=[，,、：:\s])")


def split_passages(
    item_id: str, text: str, *, blocks: Sequence[Block] = (), context: str = "", target: int = TARGET
) -> tuple[Passage, ...]:
    """The passages of ``text``. ``blocks`` keep headings, pages and clauses apart; ``context`` goes with all.

    Every character of the blocks other than white space lies in exactly one passage; a text without any gives one empty
    passage, so that an item with a title only is found, too. ``target``: characters a passage should not exceed.
    """
    parts = list(blocks) or [Block(start=0, end=len(text))]
    passages: list[Passage] = []
    seen: Counter[str] = Counter()
    for block in parts:
        heading = " > ".join(block.headings)
        whole = " ".join(part for part in (context, heading) if part)
        for start, end in _pieces(text, block.start, block.end, target):
            key = f"{whole}\0{text[start:end]}"
            seen[key] += 1
            passages.append(
                Passage(
                    id=_passage_id(item_id, key, seen[key]), item_id=item_id, ordinal=len(passages),
                    start=start, end=end, text=text[start:end], context=whole, page=block.page, clause=block.clause,
                )
            )  # fmt: skip
    if not passages:
        passages.append(
            Passage(
                id=_passage_id(item_id, context, 1),
                item_id=item_id,
                ordinal=0,
                start=0,
                end=0,
                text="",
                context=context,
            )
        )
    return tuple(passages)


def _passage_id(item_id: str, key: str, occurrence: int) -> str:
    raw = f"{item_id}\0{key}\0{occurrence}".encode("utf-8", "surrogatepass")
    return f"{item_id}-{hashlib.blake2b(raw, digest_size=6).hexdigest()}"


def _pieces(text: str, start: int, end: int, target: int) -> list[tuple[int, int]]:
    """Sentences gathered up to the target length, without the white space around."""
    whole = end - start <= target
    stretches = [(start, end)] if whole else _stretches(text, start, end)
    return [piece for low, high in stretches for piece in _gathered(text, low, high, target)]


def _stretches(text: str, start: int, end: int) -> list[tuple[int, int]]:
    """Long paragraphs, and runs of short ones between local borders; together they cover ``text[start:end]``."""
    stretches: list[tuple[int, int]] = []
    run: list[tuple[int, int]] = []
    for low, high in _paragraphs(text, start, end):
        if high - low < SHORT:
            run.append((low, high))
            continue
        stretches += _local_groups(text, run)
        run = []
        stretches.append((low, high))
    return stretches + _local_groups(text, run)


def _paragraphs(text: str, start: int, end: int) -> list[tuple[int, int]]:
    """Lines with their breaks."""
    borders = [start, *(match.end() for match in _BREAK.finditer(text, start, end)), end]
    return [(low, high) for low, high in pairwise(borders) if low < high]


def _local_groups(text: str, run: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """A run of short paragraphs; a long one is cut before lines whose own hash says so, one in :data:`EVERY`."""
    if not run:
        return []
    borders = [0, len(run)]
    if len(run) > EVERY:
        borders[1:1] = [place for place in range(1, len(run)) if _is_border(text[slice(*run[place])])]
    return [(run[first][0], run[last - 1][1]) for first, last in pairwise(borders)]


def _is_border(line: str) -> bool:
    return zlib.crc32(line.strip().encode("utf-8", "surrogatepass")) % EVERY == 0


def _gathered(text: str, start: int, end: int, target: int) -> list[tuple[int, int]]:
    """Whole paragraphs, or the sentences of one that is too long, gathered up to the target length."""
    pieces: list[tuple[int, int]] = []
    open_start = open_end = start
    for low, high in _units(text, start, end, target):
        if open_end > open_start and high - open_start > target:
            pieces.append((open_start, open_end))
            open_start = low
        open_end = high
    pieces.append((open_start, open_end))
    return [trimmed for piece in pieces if (trimmed := _trim(text, *piece)) and trimmed[0] < trimmed[1]]


def _units(text: str, start: int, end: int, target: int) -> Iterator[tuple[int, int]]:
    for low, high in _paragraphs(text, start, end):
        if high - low <= target:
            yield low, high
            continue
        for sentence_start, sentence_end in sentences(text, low, high):
            yield from _bounded(text, sentence_start, sentence_end)


def sentences(text: str, start: int = 0, end: int | None = None) -> list[tuple[int, int]]:
    """Borders of the sentences of ``text[start:end]``; together they cover it.

    >>> [ "甲。乙！”丙"[a:b] for a, b in sentences("甲。乙！”丙")]
    ['甲。', '乙！”', '丙']
    """
    stop = len(text) if end is None else end
    found = []
    place = start
    while place < stop:
        match = _SENTENCE.match(text, place, stop)
        if match is None or match.end() == place:
            break
        found.append((place, match.end()))
        place = match.end()
    return found


def _bounded(text: str, start: int, end: int) -> list[tuple[int, int]]:
    """A sentence that is too long, cut at commas and spaces, or hard where there is none."""
    if end - start <= LONGEST:
        return [(start, end)]
    borders = [start, *(match.start() for match in _SOFT.finditer(text, start, end)), end]
    cut: list[tuple[int, int]] = []
    low = start
    for previous, border in pairwise(borders):
        if border - low > TARGET and previous > low:
            cut.append((low, previous))
            low = previous
        while border - low > LONGEST:
            cut.append((low, low + TARGET))
            low += TARGET
    if low < end:
        cut.append((low, end))
    return cut


def _trim(text: str, start: int, end: int) -> tuple[int, int]:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return start, end
