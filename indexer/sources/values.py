"""What a source yields: things that were read, and what had to be skipped, with the place and the reason."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from indexer.records import Document, Record


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """One record or document. ``encoding`` as found; ``note`` says how it was found, or what was odd but not
    fatal; ``raw_digest`` names the bytes it was read from, where the source can tell them again."""

    thing: Record | Document
    place: str
    encoding: str = ""
    note: str = ""
    raw_digest: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """Something that could not be read: ``place`` is a record number with byte offset, a line, a page or a file.
    ``cut`` says that what follows in the source is lost with it."""

    place: str
    reason: str
    cut: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Noticed:
    """Something odd that cost no record: garbage passed over between two records, a wrong length that was put right."""

    place: str
    remark: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Deleted:
    """The source says that this record is gone (leader status d, an OAI-PMH deletion)."""

    source_id: str
    place: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Unchanged:
    """The source says of this record what it said last time, byte for byte; it was not read again."""

    source_id: str
    place: str


Outcome = Read | Skipped | Noticed | Deleted | Unchanged
Outcomes = Iterator[Outcome]


class SourceError(ValueError):
    """A source as a whole cannot be read; the message names it."""
