"""Answers of OAI-PMH and SRU servers and MODS or Dublin Core collections that were saved as files, streamed."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from lxml import etree

from indexer.sources import oai_pmh, sru
from indexer.sources.descriptions import PLAIN, Describer
from indexer.sources.values import Noticed, Outcomes, Read, Skipped, SourceError
from indexer.sources.xml_answer import name_of, words

_ROOT = re.compile(rb"<(?:[\w.-]+:)?(OAI-PMH|searchRetrieveResponse|modsCollection|mods|dc|dcCollection)[\s>/]")


def looks_like_answer(head: bytes) -> bool:
    """Do the first bytes open an OAI-PMH or SRU answer, or a MODS or Dublin Core description?"""
    plain = re.sub(rb"<!--.*?-->|<\?.*?\?>", b"", head[:8192], flags=re.DOTALL)
    first = re.search(rb"<[\w.:-]+[\s>/]", plain)
    return first is not None and _ROOT.match(plain, first.start()) is not None


def read_answer(path: Path, describer: Describer = PLAIN) -> Outcomes:
    """Every record of the file, by the rules of the protocol that it was an answer of.

    :raises SourceError: when it is no XML.
    """
    with path.open("rb") as file:
        if b"<!ENTITY" in file.read(64 * 1024):
            raise SourceError(f"{path.name}: 自带实体声明，拒绝读取")
        file.seek(0)
        yield from _read(file, path.name, describer)


def _read(file: BinaryIO, name: str, describer: Describer) -> Outcomes:
    number = 0
    context = etree.iterparse(
        file, events=("end",), resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False
    )
    try:
        for _, element in context:
            reader = _reader(element)
            if reader:
                number += 1
                yield from reader(element, f"记录 {number}", describer)
                _forget(element)
            elif name_of(element) == "error" and element.get("code"):
                yield Noticed(place=name, remark=f"OAI-PMH 报告 {element.get('code')}：{words(element)}")
            elif name_of(element) == "resumptionToken" and words(element):
                yield Noticed(place=name, remark="这只是一次收割的一页（有 resumptionToken），后面的页不在文件里")
    except etree.XMLSyntaxError as error:
        if number == 0:
            raise SourceError(f"{name}: 不是可读的 XML：{error}") from error
        reason = f"XML 在第 {error.lineno} 行损坏：{error.msg}"
        yield Skipped(place=f"记录 {number + 1}", reason=reason, cut=True)


Reader = Callable[[etree._Element, str, Describer], Outcomes]


def _reader(element: etree._Element) -> Reader | None:
    """Who reads this element as one record; None for any other."""
    name, parent = name_of(element), element.getparent()
    above = name_of(parent) if parent is not None else ""
    if name == "record" and above in ("ListRecords", "GetRecord"):
        return oai_pmh.record_outcome
    if name == "record" and above == "records" and element.find("./{*}recordData") is not None:
        return sru.record_outcome
    if name in ("mods", "dc") and above in ("", "modsCollection", "dcCollection"):
        return _plain
    return None


def _plain(element: etree._Element, place: str, describer: Describer) -> Outcomes:
    try:
        record = describer.record(element)
        mark = hashlib.blake2b(etree.tostring(element, with_tail=False), digest_size=10).hexdigest()
        thing = describer.thing(record, record.source_id or f"sha-{mark}")
        yield Read(thing=thing, place=place, encoding="utf-8", note="XML")
    except ValueError as error:
        yield Skipped(place=place, reason=str(error))


def _forget(element: etree._Element) -> None:
    element.clear()
    parent = element.getparent()
    while parent is not None and element.getprevious() is not None:
        del parent[0]
