"""From a parsed MARC record to what is loaded: bibliographic records, the holdings records that follow them, deletions.

MARC21 systems may write a title's holdings as records of their own (leader/06 u, v, x or y; field 004 names the
title's 001). They are joined to the title that stands before them; authority records are no holdings and no titles.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import pymarc

from indexer.records import Record
from indexer.sources.cnmarc import from_cnmarc
from indexer.sources.holding_rules import HoldingRules, built_in
from indexer.sources.marc21 import from_marc21
from indexer.sources.marc_fields import MarcFields, clean, first
from indexer.sources.marc_holdings import holdings_of
from indexer.sources.values import Deleted, Outcome, Read, Skipped


def to_record(marc: pymarc.Record, content: bytes, rules: HoldingRules | None = None) -> Record:
    """The record of a parsed MARC record; its id is 001, or a hash of its bytes.

    :raises ValueError: when it is neither a CNMARC nor a MARC21 description with a title.
    """
    return _record(MarcFields(marc), content, rules or built_in())


def _record(fields: MarcFields, content: bytes, rules: HoldingRules) -> Record:
    if is_cnmarc(fields):
        return from_cnmarc(fields, source_id(fields, content), rules)
    return from_marc21(fields, source_id(fields, content), rules)


def source_id(fields: MarcFields, content: bytes) -> str:
    return clean(fields.control("001")) or f"sha-{hashlib.blake2b(content, digest_size=10).hexdigest()}"


def is_cnmarc(fields: MarcFields) -> bool:
    """UNIMARC keeps the title in 200 and coded data in a 100 that begins with a date; MARC21 has 245."""
    if not fields.has("200"):
        return False
    return not fields.has("245") or first(fields.data("100"), "a")[:8].isdigit()


@dataclass(slots=True)
class Gathering:
    """Takes parsed records one by one and gives outcomes; a title waits until its holdings records have come."""

    rules: HoldingRules = field(default_factory=built_in)
    _waiting: Read | None = None
    _control: str = ""

    def take(
        self, marc: pymarc.Record, content: bytes, *, place: str, encoding: str, note: str, digest: str = ""
    ) -> Iterator[Outcome]:
        """Outcomes that are certain now."""
        fields = MarcFields(marc)
        if _is_holdings(fields):
            yield from self._join(fields, place)
            return
        yield from self.rest()
        if fields.leader[6:7] == "z" and not fields.has("245"):
            yield Skipped(place=place, reason="规范记录，不是书目记录")
            return
        if (fields.leader[5:6] == "d" or fields.has("DEL")) and fields.control("001"):
            yield Deleted(source_id=source_id(fields, content), place=place)
            return
        try:
            thing = _record(fields, content, self.rules)
        except ValueError as error:
            yield Skipped(place=place, reason=str(error))
            return
        self._waiting = Read(thing=thing, place=place, encoding=encoding, note=note, raw_digest=digest)
        self._control = fields.control("001")

    def rest(self) -> Iterator[Outcome]:
        """The title that still waits."""
        if self._waiting is not None:
            yield self._waiting
            self._waiting = None

    def _join(self, fields: MarcFields, place: str) -> Iterator[Outcome]:
        title = fields.control("004")
        waiting = self._waiting
        if waiting is None or not isinstance(waiting.thing, Record) or title not in ("", self._control):
            yield from self.rest()
            told = f"（004：{title}）" if title else ""
            yield Skipped(place=place, reason=f"馆藏记录{told}之前没有它的书目记录")
            return
        found = holdings_of(fields, "marc21", self.rules)
        thing = replace(waiting.thing, holdings=(*waiting.thing.holdings, *found))
        self._waiting = replace(waiting, thing=thing)


def _is_holdings(fields: MarcFields) -> bool:
    return (
        fields.leader[6:7] in ("u", "v", "x", "y")
        and not fields.has("245", "200")
        and (fields.has("852", "853", "863", "866", "867", "868", "876") or bool(fields.control("004")))
    )
