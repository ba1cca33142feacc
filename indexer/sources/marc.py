"""MARC21 and CNMARC, as ISO 2709 or MARCXML: told apart record by record."""

from __future__ import annotations

import hashlib
import io
import itertools
import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import pymarc
from lxml import etree

from indexer.records import Record
from indexer.sources.cnmarc import from_cnmarc
from indexer.sources.iso2709 import RawRecord, parse, raw_records
from indexer.sources.marc21 import from_marc21
from indexer.sources.marc_fields import clean, control
from indexer.sources.values import Noticed, Outcomes, Read, Skipped, SourceError

logging.getLogger("pymarc").setLevel(logging.CRITICAL)  # what it would log is in our report, with its place

XML_HEAD = (b"<?xml", b"<collection", b"<record", b"<marc:", b"<OAI-PMH")


def read_iso2709(path: Path) -> Outcomes:
    """Every record of an ISO 2709 file; memory does not grow with the file."""
    with path.open("rb") as file:
        yield from read_iso2709_stream(file)


def read_iso2709_stream(file: BinaryIO) -> Outcomes:
    for raw in raw_records(file):
        place = f"记录 {raw.number}（字节 {raw.offset}）"
        if not isinstance(raw, RawRecord):
            yield Skipped(place=place, reason=raw.reason, cut=raw.cut)
            continue
        if raw.garbage:
            yield Noticed(place=place, remark=f"记录前有 {raw.garbage} 字节无法识别的数据，已跳过")
        try:
            found = parse(raw)
            if found.remark:
                yield Noticed(place=place, remark=found.remark)
            thing = to_record(found.marc, raw.content)
            yield Read(thing=thing, place=place, encoding=found.encoding, note=found.why)
        except ValueError as error:
            yield Skipped(place=place, reason=str(error))


def to_record(marc: pymarc.Record, content: bytes) -> Record:
    """The record of a parsed MARC record; its id is 001, or a hash of its bytes.

    :raises ValueError: when it is neither a CNMARC nor a MARC21 description with a title.
    """
    source_id = clean(control(marc, "001")) or f"sha-{hashlib.blake2b(content, digest_size=10).hexdigest()}"
    if is_cnmarc(marc):
        return from_cnmarc(marc, source_id)
    return from_marc21(marc, source_id)


def is_cnmarc(marc: pymarc.Record) -> bool:
    """UNIMARC keeps the title in 200 and coded data in a 100 with subfields; MARC21 has 245."""
    if marc.get("245") is not None:
        return False
    return marc.get("200") is not None


def read_marcxml(path: Path) -> Outcomes:
    """Every record of a MARCXML file (or of MARCXML inside OAI-PMH or SRU answers), streamed."""
    with path.open("rb") as file:
        yield from read_marcxml_stream(file, name=path.name)


def read_marcxml_stream(file: BinaryIO, *, name: str) -> Outcomes:
    number = 0
    try:
        for element in _record_elements(file):
            number += 1
            place = f"记录 {number}"
            try:
                marc = _from_element(element)
                yield Read(thing=to_record(marc, etree.tostring(element)), place=place, encoding="utf-8", note="XML")
            except ValueError as error:
                yield Skipped(place=place, reason=str(error))
            _forget(element)
    except etree.XMLSyntaxError as error:
        if number == 0:
            raise SourceError(f"{name}: 不是可读的 XML：{error}") from error
        reason = f"XML 在第 {error.lineno} 行损坏：{error.msg}"
        file.seek(0)
        rest = list(itertools.islice(_sound_pieces(file), number, None))
        yield Skipped(place=f"记录 {number + 1}", reason=reason, cut=not rest)
        yield from _from_pieces(rest, number + 1)


_PIECE = re.compile(
    rb"<(?P<prefix>(?:[\w.-]+:)?)record\b(?:(?!<(?P=prefix)record\b).)*?</(?P=prefix)record\s*>", re.DOTALL
)
_LONGEST_XML = 64 * 1024 * 1024


def _sound_pieces(file: BinaryIO) -> Iterator[etree._Element]:
    """The ``record`` elements of a document broken somewhere, each parsed on its own; no broken ones."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    for match in _PIECE.finditer(file.read(_LONGEST_XML)):
        prefix = match["prefix"].rstrip(b":")
        spaces = b" xmlns:%s='http://www.loc.gov/MARC21/slim'" % prefix if prefix else b""
        try:
            yield etree.fromstring(b"<r%s>%s</r>" % (spaces, match[0]), parser)[0]
        except etree.XMLSyntaxError:
            continue


def _from_pieces(elements: list[etree._Element], before: int) -> Outcomes:
    for number, element in enumerate(elements, start=before + 1):
        place = f"记录 {number}"
        try:
            thing = to_record(_from_element(element), etree.tostring(element))
            yield Read(thing=thing, place=place, encoding="utf-8", note="XML")
        except ValueError as error:
            yield Skipped(place=place, reason=str(error))


def _record_elements(file: BinaryIO) -> Iterator[etree._Element]:
    """``record`` elements that hold a leader or fields, whatever their namespace. Entities and the network are off."""
    context = etree.iterparse(
        file, events=("end",), resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, recover=False
    )
    for _, element in context:
        if etree.QName(element).localname == "record" and any(
            etree.QName(child).localname in ("leader", "datafield", "controlfield")
            for child in element
            if isinstance(child.tag, str)
        ):
            yield element


def _from_element(element: etree._Element) -> pymarc.Record:
    record = pymarc.Record()
    for child in element:
        if not isinstance(child.tag, str):
            continue
        kind, tag = etree.QName(child).localname, (child.get("tag") or "").strip()
        if kind == "leader" and child.text:
            record.leader = pymarc.Leader(child.text.ljust(24)[:24])
        elif kind == "controlfield" and tag:
            record.add_field(pymarc.Field(tag=tag, data=child.text or ""))
        elif kind == "datafield" and tag:
            indicators = pymarc.Indicators((child.get("ind1") or " ")[:1], (child.get("ind2") or " ")[:1])
            subfields = [pymarc.Subfield(part.get("code") or " ", part.text or "") for part in child]
            if tag.isdigit() and tag < "010":
                record.add_field(pymarc.Field(tag=tag, data="".join(subfield.value for subfield in subfields)))
            else:
                record.add_field(pymarc.Field(tag=tag, indicators=indicators, subfields=subfields))
    return record


def marcxml_record(element: etree._Element) -> Record:
    """The record of a MARCXML ``record`` element.

    :raises ValueError: when it describes nothing with a title.
    """
    return to_record(_from_element(element), etree.tostring(element))


def _forget(element: etree._Element) -> None:
    element.clear()
    parent = element.getparent()
    while parent is not None and element.getprevious() is not None:
        del parent[0]


def looks_like_iso2709(head: bytes) -> bool:
    """Do the first bytes of a file hold a MARC leader?"""
    return next(raw_records(io.BytesIO(head + b"\x1d")), None).__class__ is RawRecord


def looks_like_xml(head: bytes) -> bool:
    """Do the first bytes open an XML document: a declaration, or an element that holds records, prefixed or not?"""
    start = head.lstrip(b"\xef\xbb\xbf \r\n\t")
    return (
        start.startswith(XML_HEAD)
        or re.match(rb"<(\w+:)?(collection|record|OAI-PMH|\w*[rR]esponse)\b", start) is not None
    )
