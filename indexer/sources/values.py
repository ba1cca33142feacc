"""What a source yields: things that were read, and what had to be skipped, with the place and the reason."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from indexer.records import Document, Record


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """One record or document. ``encoding`` as found; ``note`` says how it was found, or what was odd but not fatal.
    ``raw_digest`` names the bytes of a record among many, ``mark`` those of a file that holds this one thing and the
    code that reads it: both so that it need not be read again."""

    thing: Record | Document
    place: str
    encoding: str = ""
    note: str = ""
    raw_digest: str = ""
    mark: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unchanged:
    """The source says of this one what it said last time, byte for byte; it was not read again."""

    source_id: str
    place: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """Something that could not be read: ``place`` is a record number with byte offset, a line, a page or a file.
    ``cut`` says that what follows in the source is lost with it; ``source_id``, where it can be told, that this one is
    still there, though it cannot be read."""

    place: str
    reason: str
    cut: bool = False
    source_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Noticed:
    """Something odd that cost no record: garbage passed over between two records, a wrong length that was put right.
    ``partial``: of what comes next a part is missing that another time may be there."""

    place: str
    remark: str
    partial: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Deleted:
    """The source says that this record is gone (leader status d, an OAI-PMH deletion)."""

    source_id: str
    place: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HarvestState:
    """How far the harvest of an address got.

    ``since``: ask for what changed since then (the server's own date of the last complete harvest). While a harvest is
    under way, ``token`` is where it goes on, ``began`` the server's date when it started, ``run_id`` the run that
    started it.
    """

    since: str = ""
    token: str = ""
    began: str = ""
    run_id: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """Everything before this is to be stored now; then ``state`` is how far the harvest of ``address`` got."""

    address: str
    state: HarvestState


Outcome = Read | Unchanged | Skipped | Noticed | Deleted | Checkpoint
Outcomes = Iterator[Outcome]


class SourceError(ValueError):
    """A source as a whole cannot be read; the message names it."""
