"""MARCXML (and MarcXchange, TurboMARC), alone or inside OAI-PMH and SRU answers, with or without namespaces.

A sound document is streamed through the XML parser with entities and the network off. Where it breaks, the rest is read
piece by piece: whatever stands between ``<record`` and ``</record>`` is parsed on its own, so that one broken record
costs only itself. Memory is bounded in both ways.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import pymarc
from lxml import etree

from indexer.records import Record
from indexer.sources.holding_rules import HoldingRules, built_in
from indexer.sources.marc_encoding import decoded, judge
from indexer.sources.marc_records import Gathering, to_record
from indexer.sources.values import Noticed, Outcomes, Skipped, SourceError

XML_HEAD = (b"<?xml", b"<!DOCTYPE", b"<!--")
_ROOTS = re.compile(rb"<(?:[\w.-]+:)?(collection|record|OAI-PMH|\w*[rR]esponse|records|r)[\s/>]")
_MARC_CHILDREN = frozenset({"leader", "datafield", "controlfield"})
_TURBO = re.compile(r"([cd])([0-9A-Za-z]{3})")
_CHUNK = 1 << 20
_LONGEST_PIECE = 4 * 1024 * 1024
_DECLARED = re.compile(rb"""<\?xml[^>]*encoding\s*=\s*["']([\w.-]+)["']""")


def read_marcxml(path: Path, rules: HoldingRules | None = None) -> Outcomes:
    """Every record of a MARCXML file (or of MARCXML inside OAI-PMH or SRU answers), streamed."""
    with path.open("rb") as file:
        yield from read_marcxml_stream(file, name=path.name, rules=rules)


def read_marcxml_stream(file: BinaryIO, *, name: str, rules: HoldingRules | None = None) -> Outcomes:
    gathering = Gathering(rules=rules or built_in())
    start = file.tell()
    declared = _declared(file.read(200))
    file.seek(start)
    number = 0
    try:
        for element in _record_elements(file):
            number += 1
            content = etree.tostring(element, with_tail=False)
            marc = _from_element(element)
            _forget(element)
            yield from gathering.take(
                marc, content, place=f"记录 {number}", encoding=declared, note="XML 声明或缺省的编码"
            )
    except etree.XMLSyntaxError as error:
        yield from gathering.rest()
        file.seek(start)
        found = 0
        for outcome in _by_pieces(file, number, declared, gathering):
            found += 1
            yield outcome
        if number + found == 0:
            raise SourceError(f"{name}: 不是可读的 XML：{error}") from error
        if not found:
            yield Skipped(place=f"记录 {number + 1}", reason=f"XML 在第 {error.lineno} 行损坏：{error.msg}", cut=True)
    yield from gathering.rest()


def _declared(head: bytes) -> str:
    match = _DECLARED.search(head)
    return match[1].decode("ascii").lower() if match else "utf-8"


def _record_elements(file: BinaryIO) -> Iterator[etree._Element]:
    """``record`` elements that hold a leader or fields, whatever their namespace. Entities and the network are off."""
    context = etree.iterparse(
        file, events=("end",), resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, recover=False
    )
    for _, element in context:
        if not isinstance(element.tag, str):
            continue
        name = etree.QName(element).localname
        if _is_marc(element, name):
            yield element
        elif name == "recordData" and not len(element) and (element.text or "").lstrip().startswith("<"):
            yield from _packed(element.text or "")


def _is_marc(element: etree._Element, name: str) -> bool:
    children = [etree.QName(child).localname for child in element if isinstance(child.tag, str)]
    if name == "record":
        return any(child in _MARC_CHILDREN for child in children)
    return name == "r" and any(child == "l" or _TURBO.fullmatch(child) for child in children)


def _packed(text: str) -> Iterator[etree._Element]:
    """A record that an SRU server sent as a string (recordPacking)."""
    try:
        inner = etree.fromstring(text.strip().encode(), _strict())
    except etree.XMLSyntaxError:
        return
    yield from (one for one in inner.iter() if isinstance(one.tag, str) and _is_marc(one, etree.QName(one).localname))


def _strict() -> etree.XMLParser:
    return etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, encoding="utf-8")


def _from_element(element: etree._Element) -> pymarc.Record:
    record = pymarc.Record()
    for child in element:
        if not isinstance(child.tag, str):
            continue
        kind, tag = etree.QName(child).localname, (child.get("tag") or "").strip()
        if turbo := _TURBO.fullmatch(kind):
            kind, tag = {"c": "controlfield", "d": "datafield"}[turbo[1]], turbo[2]
        if kind in ("leader", "l"):
            record.leader = pymarc.Leader(_text(child).strip("\r\n\t").ljust(24)[:24])
        elif kind in ("controlfield", "datafield") and tag:
            record.add_field(_field(tag, child))
    return record


def _field(tag: str, element: etree._Element) -> pymarc.Field:
    """A field by its tag more than by its element: a control field may hold subfields and a data field none."""
    subfields = [_subfield(part) for part in element if isinstance(part.tag, str)]
    if tag.isdigit() and tag < "010":
        text = "".join(value for _, value in subfields) if subfields else _text(element)
        return pymarc.Field(tag=tag, data=text)
    if not subfields and (bare := _text(element).strip()):
        subfields = [pymarc.Subfield("a", bare)]
    indicators = [(element.get(f"ind{n}") or element.get(f"i{n}") or " ")[:1] for n in (1, 2)]
    return pymarc.Field(tag=tag, indicators=pymarc.Indicators(*indicators), subfields=subfields)


def _text(element: etree._Element) -> str:
    return "".join(str(text) for text in element.itertext())


def _subfield(part: etree._Element) -> pymarc.Subfield:
    name = etree.QName(part).localname
    code = part.get("code") or (name[1] if len(name) == 2 and name[0] == "s" else " ")
    return pymarc.Subfield(code[:1], _text(part))


def marcxml_record(element: etree._Element, rules: HoldingRules | None = None) -> Record:
    """The record of a MARCXML ``record`` element.

    :raises ValueError: when it describes nothing with a title.
    """
    return to_record(_from_element(element), etree.tostring(element, with_tail=False), rules)


def _forget(element: etree._Element) -> None:
    """Free what was read: the element, and everything before it and its ancestors."""
    element.clear()
    node: etree._Element | None = element
    while node is not None:
        parent = node.getparent()
        if parent is not None:
            while node.getprevious() is not None:
                del parent[0]
        node = parent


# A broken document, piece by piece

_END = re.compile(rb"</((?:[\w.-]+:)?)(record|r)\s*>")
_PREFIX = re.compile(rb"[<\s]([\w.-]+):[\w.-]+")
_CONTROLS = re.compile(
    rb"[\x00-\x08\x0b\x0c\x0e-\x1f]|&#(?:x0?[0-8bcBCeEfF]|x1[0-9a-fA-F]|[0-8]|1[124-9]|2[0-9]|3[01]);"
)
_AMPERSAND = re.compile(rb"&(?!(?:amp|lt|gt|quot|apos|#\d{1,7}|#x[0-9a-fA-F]{1,6});)")


def _by_pieces(file: BinaryIO, already: int, declared: str, gathering: Gathering) -> Outcomes:
    """What follows the first ``already`` records of a document that is broken somewhere."""
    number = 0
    for offset, piece, lost in _pieces(file):
        if lost:
            yield from gathering.rest()
            yield Skipped(place=f"字节 {offset}", reason=f"没有记录结束标记的超长数据（{lost} 字节）")
            continue
        if not re.search(rb"<(?:[\w.-]+:)?(?:leader|datafield|controlfield|l>|d[0-9]{3})", piece):
            continue
        number += 1
        if number <= already:
            continue
        place = f"记录 {number}（字节 {offset}）"
        text, encoding, why = _as_utf8(piece, declared)
        try:
            element, repaired = _parsed(text)
        except etree.XMLSyntaxError as error:
            yield from gathering.rest()
            yield Skipped(place=place, reason=f"XML 损坏：{error.msg}")
            continue
        if repaired:
            yield from gathering.rest()
            yield Noticed(place=place, remark="XML 里有不允许的字符，已去掉")
        yield from gathering.take(_from_element(element), piece, place=place, encoding=encoding, note=why)
    yield from gathering.rest()


def _pieces(file: BinaryIO) -> Iterator[tuple[int, bytes, int]]:
    """(offset, innermost record element as bytes, 0), or (offset, b"", length) of overlong data that was let go."""
    buffer = bytearray()
    offset = 0
    while chunk := file.read(_CHUNK):
        buffer += chunk
        begin = 0
        for match in _END.finditer(buffer):
            opening = b"<" + match[1] + match[2]
            start = max(
                buffer.rfind(opening + mark, begin, match.start()) for mark in (b" ", b">", b"\n", b"\t", b"\r")
            )
            if start >= 0:
                yield offset + start, bytes(buffer[start : match.end()]), 0
            begin = match.end()
        if len(buffer) - begin > _LONGEST_PIECE:
            lost = len(buffer) - begin - _CHUNK
            yield offset + begin, b"", lost
            begin += lost
        offset += begin
        del buffer[:begin]


def _as_utf8(piece: bytes, declared: str) -> tuple[bytes, str, str]:
    """The piece in UTF-8, the encoding it was in and why that one."""
    try:
        piece.decode("utf-8")
    except UnicodeDecodeError:
        try:
            return piece.decode(declared).encode(), declared, "XML 声明的编码"
        except (UnicodeDecodeError, LookupError):
            told = judge(piece, leader=b"")
            return decoded(piece, told).encode(), told.name, f"与 XML 声明不符；{told.why}"
    return piece, "utf-8", "字节是有效的 UTF-8"


def _parsed(piece: bytes) -> tuple[etree._Element, bool]:
    """The element, and whether characters that XML forbids had to go.

    :raises etree.XMLSyntaxError: when it is broken otherwise.
    """
    prefixes = {prefix for prefix in _PREFIX.findall(piece) if prefix not in (b"xml", b"xmlns")}
    spaces = b"".join(b" xmlns:%s='urn:x-%s'" % (prefix, prefix) for prefix in sorted(prefixes))
    for repaired, text in ((False, piece), (True, _AMPERSAND.sub(b"&amp;", _CONTROLS.sub(b"", piece)))):
        try:
            return etree.fromstring(b"<x%s>%s</x>" % (spaces, text), _strict())[0], repaired
        except etree.XMLSyntaxError:
            if repaired:
                raise
    raise AssertionError("unreachable")


def looks_like_xml(head: bytes) -> bool:
    """Do the first bytes open an XML document: a declaration, or an element that holds records, prefixed or not?"""
    start = head.lstrip(b"\xef\xbb\xbf \r\n\t")
    return start.startswith(XML_HEAD) or _ROOTS.match(start) is not None
