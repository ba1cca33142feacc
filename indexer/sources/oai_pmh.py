"""OAI-PMH 2.0 harvest (https://www.openarchives.org/OAI/openarchivesprotocol.html): MARCXML and oai_dc, deletions,
resumption tokens that end."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from urllib.parse import urlencode

from lxml import etree

from indexer.normalise import isbn13, year_in
from indexer.records import Contributor, Identifier, Record
from indexer.sources.marc import marcxml_record
from indexer.sources.values import Deleted, Outcomes, Read, Skipped, SourceError
from indexer.sources.web import Fetcher

MOST_PAGES = 100_000


def harvest(base: str, fetcher: Fetcher, *, arguments: Mapping[str, str]) -> Outcomes:
    """Every record of a ListRecords request; ``arguments``: metadataPrefix, from, until, set.

    :raises SourceError: when the server answers with an error, no OAI-PMH, or a token that was there before.
    """
    query: dict[str, str] = {"verb": "ListRecords", "metadataPrefix": "oai_dc", **arguments}
    seen: set[str] = set()
    number = 0
    for _ in range(MOST_PAGES):
        page = _page(fetcher.get(f"{base}?{urlencode(query)}"), base)
        for element in page.iterfind(".//{*}ListRecords/{*}record"):
            number += 1
            yield from _outcome(element, f"记录 {number}")
        token = (page.findtext(".//{*}ListRecords/{*}resumptionToken") or "").strip()
        if not token:
            return
        if token in seen:
            raise SourceError(f"{base}: 服务器重复给出同一个 resumptionToken，停止收割")
        seen.add(token)
        query = {"verb": "ListRecords", "resumptionToken": token}
    raise SourceError(f"{base}: 超过 {MOST_PAGES} 页，停止收割")


def _page(body: bytes, base: str) -> etree._Element:
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        page = etree.fromstring(body, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise SourceError(f"{base}: 回答不是 XML：{error}") from error
    for problem in page.iterfind("./{*}error"):
        if problem.get("code") != "noRecordsMatch":
            raise SourceError(f"{base}: {problem.get('code')}：{(problem.text or '').strip()}")
    if etree.QName(page).localname != "OAI-PMH":
        raise SourceError(f"{base}: 回答不是 OAI-PMH")
    return page


def _outcome(element: etree._Element, place: str) -> Outcomes:
    header = element.find("./{*}header")
    identifier = (header.findtext("./{*}identifier") or "").strip() if header is not None else ""
    if not identifier:
        yield Skipped(place=place, reason="OAI 记录没有 identifier")
        return
    if header is not None and header.get("status") == "deleted":
        yield Deleted(source_id=identifier, place=place)
        return
    body = next(iter(element.iterfind("./{*}metadata/*")), None)
    if body is None:
        yield Skipped(place=place, reason=f"{identifier} 没有元数据")
        return
    try:
        record = marcxml_record(body) if etree.QName(body).localname == "record" else _dublin_core(body)
        yield Read(thing=dataclasses.replace(record, source_id=identifier), place=place, encoding="utf-8", note="XML")
    except ValueError as error:
        yield Skipped(place=place, reason=f"{identifier}：{error}")


def _dublin_core(body: etree._Element) -> Record:
    """oai_dc (ANSI/NISO Z39.85): the first title is the title, a date with a year the date."""
    titles = list(_values(body, "title"))
    if not titles:
        raise ValueError("没有题名（dc:title）")
    date = next((value for value in _values(body, "date") if year_in(value)), "")
    written = list(_values(body, "identifier"))
    return Record(
        source_id="",
        title=titles[0],
        variant_titles=tuple(titles[1:]),
        contributors=tuple(Contributor(name=name) for tag in ("creator", "contributor") for name in _values(body, tag)),
        publisher=next(_values(body, "publisher"), ""),
        date=date,
        year=year_in(date),
        subjects=tuple(_values(body, "subject")),
        abstract=" ".join(_values(body, "description")),
        languages=tuple(_values(body, "language")),
        identifiers=tuple(
            Identifier(scheme="isbn", value=value, display=one) for one in written if (value := isbn13(one))
        ),
        url=next((one for one in written if one.startswith(("http://", "https://"))), ""),
    )


def _values(body: etree._Element, tag: str) -> Iterator[str]:
    for element in body.iterfind(f"./{{*}}{tag}"):
        if text := " ".join("".join(str(part) for part in element.itertext()).split()):
            yield text
