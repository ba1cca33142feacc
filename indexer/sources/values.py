"""What a source yields: things that were read, and what had to be skipped, with the place and the reason."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from indexer.records import Document, Record


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """One record or document. ``encoding`` as found; ``note`` says how it was found, or what was odd but not fatal."""

    thing: Record | Document
    place: str
    encoding: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """Something that could not be read: ``place`` is a record number with byte offset, a line, a page or a file."""

    place: str
    reason: str


Outcome = Read | Skipped
Outcomes = Iterator[Outcome]


class SourceError(ValueError):
    """A source as a whole cannot be read; the message names it."""
