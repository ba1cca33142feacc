"""SRU fetch (1.1, 1.2 and 2.0; https://www.loc.gov/standards/sru/): every record that a CQL query finds."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from lxml import etree

from indexer.sources.descriptions import PLAIN, Describer
from indexer.sources.values import Noticed, Outcomes, Read, Skipped, SourceError
from indexer.sources.web import Fetcher
from indexer.sources.xml_answer import name_of, parse, texts, words

PAGE = 50
MOST_PAGES = 100_000
_UNSUPPORTED_VERSION = "5"


def fetch(url: str, fetcher: Fetcher, *, arguments: Mapping[str, str], describer: Describer = PLAIN) -> Outcomes:
    """Every record of a searchRetrieve request. ``url`` may hold parameters; ``arguments`` (query, recordSchema,
    maximumRecords, version, …) go before them.

    :raises SourceError: for a diagnostic instead of records, an answer that is no SRU, or pages that turn in a circle.
    """
    base, query = _request(url, arguments)
    start, number, seen = int(query.pop("startRecord", "1") or 1), 0, set[bytes]()
    for _ in range(MOST_PAGES):
        root, mended = _page(base, fetcher, query, start)
        if mended:
            yield Noticed(place=f"第 {start} 条起的一页", remark=mended)
        diagnostics = [_diagnostic(one) for one in root.iterfind("./{*}diagnostics/{*}diagnostic")]
        records = list(root.iterfind("./{*}records/{*}record"))
        if diagnostics and not records and number == 0:
            raise SourceError(f"{base}: {'；'.join(diagnostics)}")
        for said in diagnostics:
            yield Noticed(place=f"第 {start} 条起的一页", remark=said)
        _guard(records, seen, base)
        for element in records:
            number += 1
            yield from record_outcome(element, f"记录 {number}", describer)
        following = _following(root, start, len(records))
        if following is None:
            return
        start = following
    raise SourceError(f"{base}: 超过 {MOST_PAGES} 页，停止")


def _request(url: str, arguments: Mapping[str, str]) -> tuple[str, dict[str, str]]:
    """The address without its query, and the parameters of a searchRetrieve request.

    :raises SourceError: when there is no query.
    """
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query)) | {name: value for name, value in arguments.items() if value}
    version = query.get("version", "1.2")
    if version.startswith("1"):
        query = {"operation": "searchRetrieve", "version": version} | query
    if not query.get("query"):
        raise SourceError(f"{url}: SRU 需要检索式，用 --query 给出，例如 --query 'dc.title=图书馆'")
    query.setdefault("maximumRecords", str(PAGE))
    return urlunsplit((parts.scheme, parts.netloc, parts.path, "", "")), query


def _page(base: str, fetcher: Fetcher, query: dict[str, str], start: int) -> tuple[etree._Element, str]:
    """One answer; a server that does not know the version is asked again in 1.1."""
    address = f"{base}?{urlencode({**query, 'startRecord': str(start)})}"
    try:
        root, mended = parse(fetcher.get(address))
    except SourceError:
        raise
    except ValueError as error:
        raise SourceError(f"{base}: 回答{error}") from error
    if name_of(root) == "explainResponse":
        raise SourceError(f"{base}: 服务器只回答了自述（explain），检索式没有被接受")
    if name_of(root) != "searchRetrieveResponse":
        raise SourceError(f"{base}: 回答不是 SRU（根元素是 {name_of(root)}）")
    refused = [words(one.find("./{*}uri")) for one in root.iterfind("./{*}diagnostics/{*}diagnostic")]
    if query.get("version") == "1.2" and any(uri.endswith(f"/diagnostic/1/{_UNSUPPORTED_VERSION}") for uri in refused):
        query["version"] = "1.1"
        return _page(base, fetcher, query, start)
    return root, mended


def _diagnostic(element: etree._Element) -> str:
    """A diagnostic in one line: its number, what it means, what it concerns."""
    uri = words(element.find("./{*}uri"))
    number = uri.rpartition("/")[2]
    said = [words(element.find("./{*}message")), words(element.find("./{*}details"))]
    return f"SRU 诊断 {number or uri}：" + "，".join(part for part in said if part)


def _guard(records: list[etree._Element], seen: set[bytes], base: str) -> None:
    """:raises SourceError: when a page comes again."""
    if not records:
        return
    mark = hashlib.blake2b(b"\0".join(_data(one) for one in records), digest_size=8).digest()
    if mark in seen:
        raise SourceError(f"{base}: 服务器重复给出同一页（不理会 startRecord），停止")
    seen.add(mark)


def _data(record: etree._Element) -> bytes:
    data = record.find("./{*}recordData")
    return etree.tostring(data if data is not None else record, with_tail=False)


def _following(root: etree._Element, start: int, count: int) -> int | None:
    """Where the next page begins: as told, or counted where the server only tells the total."""
    told = words(root.find("./{*}nextRecordPosition"))
    if told.isdigit():
        return int(told) if int(told) > start and count else None
    total = words(root.find("./{*}numberOfRecords"))
    return start + count if count and total.isdigit() and start + count <= int(total) else None


def record_outcome(element: etree._Element, place: str, describer: Describer = PLAIN) -> Outcomes:
    """What one ``record`` of an answer says; a surrogate diagnostic is a record that the server could not give."""
    try:
        body = _body(element)
        if name_of(body) == "diagnostic":
            yield Skipped(place=place, reason=_diagnostic(body))
            return
        record = describer.record(body)
        own = "" if record.source_id.startswith("sha-") else record.source_id
        told = own or next(texts(element, "recordIdentifier"), "")
        identifier = told or f"sha-{hashlib.blake2b(_data(element), digest_size=10).hexdigest()}"
        thing = describer.thing(record, identifier)
        yield Read(thing=thing, place=place, encoding="utf-8", note="XML")
    except ValueError as error:
        yield Skipped(place=place, reason=str(error))


def _body(element: etree._Element) -> etree._Element:
    """The description in a record, also when it is packed as a string.

    :raises ValueError: when there is none.
    """
    data = element.find("./{*}recordData")
    if data is None:
        raise ValueError("SRU 记录没有 recordData")
    inside = next(_elements(data), None)
    if inside is not None:
        return inside
    packed = (data.text or "").strip()
    if not packed:
        raise ValueError("SRU 记录的 recordData 是空的")
    return parse(packed.encode("utf-8"))[0]


def _elements(data: etree._Element) -> Iterator[etree._Element]:
    return (child for child in data if isinstance(child.tag, str))
