"""MARC21 and CNMARC in ISO 2709: told apart record by record, read with their encodings and their damage."""

from __future__ import annotations

import io
import logging
from pathlib import Path
from typing import BinaryIO

from indexer.sources import values
from indexer.sources.holding_rules import HoldingRules, built_in
from indexer.sources.iso2709 import RawRecord, parse, raw_records
from indexer.sources.marc_records import Gathering, to_record
from indexer.sources.marcxml import looks_like_xml, marcxml_record, read_marcxml, read_marcxml_stream
from indexer.sources.unchanged import Unchanged, watched
from indexer.sources.values import Noticed, Outcomes, Skipped

__all__ = [
    "looks_like_iso2709",
    "looks_like_xml",
    "marcxml_record",
    "read_iso2709",
    "read_iso2709_stream",
    "read_marcxml",
    "read_marcxml_stream",
    "to_record",
]

logging.getLogger("pymarc").setLevel(logging.CRITICAL)  # what it would log is in our report, with its place


def read_iso2709(path: Path, rules: HoldingRules | None = None, unchanged: Unchanged | None = None) -> Outcomes:
    """Every record of an ISO 2709 file; memory does not grow with the file. ``unchanged`` tells which records the
    catalogue has from the same bytes: those are not read again."""
    with path.open("rb") as file:
        yield from read_iso2709_stream(file, rules, unchanged)


def read_iso2709_stream(
    file: BinaryIO, rules: HoldingRules | None = None, unchanged: Unchanged | None = None
) -> Outcomes:
    gathering = Gathering(rules=rules or built_in())
    usual = ""
    for seen in watched(raw_records(file), unchanged):
        raw = seen.raw
        place = f"记录 {raw.number}（字节 {raw.offset}）"
        if seen.same:
            yield from gathering.rest()
            yield values.Unchanged(source_id=seen.source_id, place=place)
            continue
        if not isinstance(raw, RawRecord):
            yield from gathering.rest()
            yield Skipped(place=place, reason=raw.reason, cut=raw.cut)
            continue
        if raw.garbage:
            yield from gathering.rest()
            yield Noticed(place=place, remark=f"记录前有 {raw.garbage} 字节无法识别的数据，已跳过")
        try:
            found = parse(raw, usual=usual)
        except ValueError as error:
            yield from gathering.rest()
            yield Skipped(place=place, reason=str(error), cut=raw.open)
            continue
        if not found.why.startswith("全部为"):
            usual = found.encoding
        if found.remark:
            yield from gathering.rest()
            yield Noticed(place=place, remark=found.remark)
        yield from gathering.take(
            found.marc, raw.content, place=place, encoding=found.encoding, note=found.why, digest=seen.digest
        )
    yield from gathering.rest()


def looks_like_iso2709(head: bytes) -> bool:
    """Do the first bytes of a file hold a MARC leader?"""
    return next(raw_records(io.BytesIO(head + b"\x1d")), None).__class__ is RawRecord
