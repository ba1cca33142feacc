"""A model's text → proven sentences. Nothing is shown before it is verified.

The model writes from the numbered evidence of the extractive answer. Its text is cut into sentences as it comes; each
loses its Markdown and HTML, is looked up in the sources it marks (``[2]``), gets the quotations that carry it, and is
verified against them. What is not carried is dropped; so is an address that its quotation does not hold whole.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from backend.answer.citing import Sources
from backend.answer.instructions import for_readers, speaks_to_machines
from backend.answer.items import holding_lines
from backend.answer.sentences import Span, split
from backend.answer.values import Language, Sentence
from backend.answer.verify import support, verify

_END = re.compile(
    r"(?:(?:[。！？；;\n]|[!?](?![\w=&/]))+[”’」』）)]*|\.(?=\s|$))(?:\s*[\[［【]\s*\d+(?:\s*[,，、]\s*\d+)*\s*[\]］】])*"
)
_MARK = re.compile(r"[\[［【]\s*(\d+(?:\s*[,，、]\s*\d+)*)\s*[\]］】]")
_COMPLETE = re.compile(_END.pattern + "|" + _MARK.pattern)
_NOTHING = re.compile(r"资料不足|insufficient (evidence|information)", re.I)
_MARKDOWN = re.compile(r"!\[[^\]\n]*\]\([^)\n]*\)?|\]\([^)\n]*\)|</?[a-zA-Z!][^<>]{0,400}>|[*_`#|]{1,}|^\s*>+\s*")
_ADDRESS = re.compile(
    r"(?:[a-z][a-z\d+.-]{1,20}:/*|www\.)[^\s，。；、（）()《》“”\"'<>\]]+|[\w.+-]+@[\w-]+(?:\.[\w-]+)+", re.I
)
_LONGEST_CLAIM = 400
"""Characters of a sentence that is still read; a longer one is not a sentence."""

_PATIENCE = 4
"""Sentences without support, more than those with it, after which a model is not listened to any longer."""

_MOST = 12
"""Sentences of an answer at most; the prompt asks for five."""

_WINDOW = 12
"""Sentences of a source around its passages that a model may quote."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """One numbered source as the model sees it: the spans of its text, and its holdings in words."""

    item: Any
    spans: tuple[Span, ...]
    lines: tuple[str, ...] = ()

    def text(self) -> str:
        quotes = [self.item.text[span.start : span.end] for span in self.spans]
        facts = [line for line in (f"《{self.item.title}》", *self.lines) if not speaks_to_machines(line)]
        return "\n".join([*facts[:1], *quotes, *facts[1:]])


def material(item: Any, spans: Sequence[Span], sources: Sources, language: Language) -> Material:
    """What may be quoted of ``item``: the given spans, or its first sentences; never what speaks to machines."""
    chosen = for_readers(item.text, list(spans) or split(item.text)[:_WINDOW])
    return Material(
        item=item,
        spans=tuple(sorted(set(chosen), key=lambda span: span.start)[:_WINDOW]),
        lines=holding_lines(sources.holdings(item), language),
    )


class Writer:
    """Collects the text of one answer and yields the sentences that stand."""

    def __init__(self, materials: Sequence[Material], sources: Sources) -> None:
        self._materials = {sources.number(one.item): one for one in materials}
        self._sources = sources
        self._buffer = ""
        self._said: set[str] = set()
        self.dropped: list[str] = []

    @property
    def hopeless(self) -> bool:
        """Has the model said so much without support, without an end or in all, that the rest is not worth a wait?"""
        astray = len(self.dropped) >= _PATIENCE + len(self._said) or len(self._buffer) > 2 * _LONGEST_CLAIM
        return astray or len(self._said) >= _MOST

    def feed(self, text: str) -> Iterator[Sentence]:
        """Proven sentences that ``text`` completes. A mark may follow its full stop, so the last one waits."""
        self._buffer += text
        while True:
            ends = [match.end() for match in _END.finditer(self._buffer)]
            ready = next((end for end in ends if end < len(self._buffer) and not _opens(self._buffer[end:])), None)
            if ready is None:
                return
            piece, self._buffer = self._buffer[:ready], self._buffer[ready:]
            yield from self._proven(piece)

    def finish(self) -> Iterator[Sentence]:
        """What is left when the model has ended: nothing, when it was cut off in the middle of a sentence."""
        piece, self._buffer = self._buffer.rstrip(), ""
        if any(match.end() == len(piece) for match in _COMPLETE.finditer(piece)):
            yield from self._proven(piece)

    def _proven(self, piece: str) -> Iterator[Sentence]:
        marks = [int(number) for group in _MARK.findall(piece) for number in re.split(r"[,，、]", group)]
        said = plain(_MARK.sub("", piece))
        if not any(c.isalnum() for c in said) or _NOTHING.search(said):
            return
        sentence = self._sentence(said, marks) if len(said) <= _LONGEST_CLAIM else None
        if sentence is None or said in self._said:
            self.dropped.append(said)
        elif len(self._said) < _MOST:
            self._said.add(said)
            yield sentence

    def _sentence(self, said: str, marks: Sequence[int]) -> Sentence | None:
        if any(number not in self._materials for number in marks):
            return None  # a source that does not exist: a forged citation
        numbers = list(dict.fromkeys(marks)) or list(self._materials)
        chosen = self._quotations(said, numbers)
        if not chosen:
            return None
        used = {number for number, _ in chosen}
        quotes = [self._materials[n].item.text[span.start : span.end] for n, span in chosen]
        lines = [line for number in used for line in self._materials[number].lines]
        known = [name for number in used for name in self._names(number)]
        if not addresses(said) <= {address for quote in quotes for address in addresses(quote)}:
            return None
        if not verify(said, quotes, lines=lines, known=known).supported:
            return None
        cited = [self._sources.cite(self._materials[n].item, span.start, span.end) for n, span in chosen]
        return self._sources.sentence(said, cited)

    def _names(self, number: int) -> list[str]:
        item = self._materials[number].item
        owner = str(item.metadata.get("member") or "")
        title = [] if speaks_to_machines(item.title) else [item.title]
        return [*title, "馆藏", *([self._sources.name(owner)] if owner else [])]

    def _quotations(self, said: str, numbers: Sequence[int]) -> list[tuple[int, Span]]:
        """For each clause the span that holds most of it."""
        spans = [(number, span) for number in numbers for span in self._materials[number].spans]
        if not spans:
            return []
        texts = [self._materials[n].item.text[span.start : span.end] for n, span in spans]
        chosen: list[tuple[int, Span]] = []
        for clause in [part for part in re.split(r"[，,；;。]", said) if part.strip()] or [said]:
            shares = [support(clause, text) for text in texts]
            best = max(range(len(spans)), key=lambda at: shares[at])
            if shares[best] > 0 and spans[best] not in chosen:
                chosen.append(spans[best])
        return chosen or [spans[0]]


def plain(text: str) -> str:
    """The words of a model's text: no Markdown, no HTML, no invisible characters, one line."""
    visible = "".join(c if c.isprintable() else " " for c in text)
    return " ".join(_MARKDOWN.sub("", visible).replace("[", "").replace("]", "").split()).strip("-•> ")


def addresses(text: str) -> set[str]:
    """Every web address, other scheme (``javascript:``) and e-mail address in the text."""
    return {match.group().rstrip(".,;:!?") for match in _ADDRESS.finditer(text)}


def _opens(rest: str) -> bool:
    """Could ``rest`` still be (the beginning of) a citation mark that belongs to the sentence before it?"""
    stripped = rest.lstrip()
    return not stripped or (
        stripped[0] in "[［【" and not re.match(r"[\[［【][^\]］】]{12,}", stripped) and not _MARK.match(stripped)
    )
