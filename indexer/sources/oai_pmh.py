"""OAI-PMH 2.0 harvest (https://www.openarchives.org/OAI/openarchivesprotocol.html): full, or what changed since the
last one; deletions; resumption tokens that end. After each page a checkpoint says where a cut harvest goes on.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

from lxml import etree

from indexer.sources.descriptions import PLAIN, Describer
from indexer.sources.values import Checkpoint, Deleted, HarvestState, Noticed, Outcomes, Read, Skipped, SourceError
from indexer.sources.web import Fetcher, StatusError
from indexer.sources.xml_answer import name_of, parse, words

MOST_PAGES = 200_000
MOST_EMPTY = 20
MOST_RESTARTS = 2
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2}:\d{2}(?:\.\d+)?Z)?")
_RICHEST = (
    "marcxml", "marc21", "marc", "cnmarc", "unimarc", "unimarcxml", "oai_marc21", "marc_xml", "marc-xml", "mods",
    "MODS", "oai_mods", "oai_dc",
)  # fmt: skip
"""Metadata formats that can be read, the one that says most first."""


class TokenLostError(SourceError):
    """The server no longer knows the resumption token."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One answer. ``size``: how many records the whole list has, when the server says so."""

    records: list[etree._Element]
    token: str
    date: str
    size: int | None = None
    mended: str = ""


def harvest(
    base: str,
    fetcher: Fetcher,
    *,
    arguments: Mapping[str, str],
    state: HarvestState | None = None,
    address: str = "",
    run_id: int = 0,
    describer: Describer = PLAIN,
) -> Outcomes:
    """Every record of a ListRecords request; ``arguments``: metadataPrefix, from, until, set.

    ``state`` is how far the last harvest got: a cut one goes on, a finished one is followed by what changed since.

    :raises SourceError: when the server answers with an error, no OAI-PMH, or tokens without end.
    """
    return _Harvest(base, fetcher, dict(arguments), state or HarvestState(), address, run_id, describer).outcomes()


@dataclass(slots=True)
class _Harvest:
    base: str
    fetcher: Fetcher
    arguments: dict[str, str]
    state: HarvestState
    address: str
    run_id: int
    describer: Describer
    number: int = 0
    restarts: int = 0
    seen: set[bytes] = field(default_factory=set)

    def outcomes(self) -> Outcomes:
        query = self._resumed() if self.state.token else self._first()
        if self.state.token:
            yield Noticed(place=self.base, remark="接着上次中断的地方收割")
        empty = 0
        for _ in range(MOST_PAGES):
            try:
                page = self._page(query)
            except TokenLostError:
                yield self._restart()
                query = self._first()
                continue
            yield from self._read(page)
            empty = 0 if page.records else empty + 1
            if not page.token:
                finished = self.state.began or page.date
                yield Checkpoint(address=self.address, state=HarvestState(since=finished or self.state.since))
                return
            self._guard(page, empty)
            began = self.state.began or page.date
            started = self.state.run_id or self.run_id
            self.state = replace(self.state, token=page.token, began=began, run_id=started)
            yield Checkpoint(address=self.address, state=self.state)
            query = self._resumed()
        raise SourceError(f"{self.base}: 超过 {MOST_PAGES} 页，停止收割")

    def _read(self, page: Page) -> Outcomes:
        if page.mended:
            yield Noticed(place=f"第 {self.number + 1} 条起的一页", remark=page.mended)
        for element in page.records:
            self.number += 1
            yield from record_outcome(element, f"记录 {self.number}", self.describer)

    def _resumed(self) -> dict[str, str]:
        return {"verb": "ListRecords", "resumptionToken": self.state.token}

    def _first(self) -> dict[str, str]:
        told = {name: value for name, value in self.arguments.items() if value}
        told.setdefault("metadataPrefix", self._best_prefix())
        since = told.get("from") or self.state.since
        if since:
            told["from"] = self._as_the_server_wants(since, told.get("until", ""))
        self.arguments = {**self.arguments, "metadataPrefix": told["metadataPrefix"]}
        return {"verb": "ListRecords", **told}

    def _best_prefix(self) -> str:
        """The richest format that the server has and that can be read; oai_dc, which every server has, otherwise."""
        try:
            root, _ = parse(self._body({"verb": "ListMetadataFormats"}))
        except (SourceError, ValueError):
            return "oai_dc"
        offered = {
            words(prefix) for prefix in root.iterfind("./{*}ListMetadataFormats/{*}metadataFormat/{*}metadataPrefix")
        }
        return next((prefix for prefix in _RICHEST if prefix in offered), "oai_dc")

    def _as_the_server_wants(self, since: str, until: str) -> str:
        """A date in the server's granularity (and in that of ``until``)."""
        if len(since) == 10 or len(until) == 10:
            return since[:10]
        try:
            root, _ = parse(self._body({"verb": "Identify"}))
        except (SourceError, ValueError):
            return since[:10]
        return since if "hh" in words(root.find("./{*}Identify/{*}granularity")) else since[:10]

    def _restart(self) -> Noticed:
        self.restarts += 1
        if self.restarts > MOST_RESTARTS:
            raise SourceError(f"{self.base}: 服务器一再不认它自己给出的 resumptionToken，停止收割")
        self.state = HarvestState(since=self.state.since)
        self.seen.clear()
        return Noticed(place=self.base, remark="服务器不再认得断点（badResumptionToken），从头收割")

    def _guard(self, page: Page, empty: int) -> None:
        """:raises SourceError: when the pages turn in a circle or have no end."""
        marks = [b"t" + _hash(page.token)]
        if page.records:
            marks.append(b"p" + _hash("\0".join(_identifier(element) for element in page.records)))
        if any(mark in self.seen for mark in marks):
            raise SourceError(f"{self.base}: 服务器重复给出同一个 resumptionToken 或同一页，停止收割")
        self.seen.update(marks)
        if empty >= MOST_EMPTY:
            raise SourceError(f"{self.base}: 连续 {empty} 页没有记录，resumptionToken 没有尽头，停止收割")
        if page.size is not None and self.number > 2 * page.size + 1000:
            raise SourceError(f"{self.base}: 服务器说共 {page.size} 条，却已给出 {self.number} 条，停止收割")

    def _body(self, query: Mapping[str, str]) -> bytes:
        joint = "&" if "?" in self.base else "?"
        try:
            return self.fetcher.get(f"{self.base}{joint}{urlencode(query)}")
        except StatusError as error:
            if b"OAI-PMH" in error.body:
                return error.body  # some servers give an HTTP status with the protocol's own error
            raise

    def _page(self, query: Mapping[str, str]) -> Page:
        for attempt in (1, 2):
            try:
                root, mended = parse(self._body(query))
                break
            except ValueError as error:
                if isinstance(error, SourceError):
                    raise
                if attempt == 2:
                    raise SourceError(f"{self.base}: 回答{error}") from error
        if name_of(root) != "OAI-PMH":
            raise SourceError(f"{self.base}: 回答不是 OAI-PMH（根元素是 {name_of(root)}）")
        _raise_errors(root, self.base)
        return page_of(root, mended)


def page_of(root: etree._Element, mended: str = "") -> Page:
    """What an OAI-PMH answer holds."""
    token = root.find("./{*}ListRecords/{*}resumptionToken")
    size = (token.get("completeListSize") or "") if token is not None else ""
    told = words(root.find("./{*}responseDate"))
    yesterday = (datetime.now(UTC) - timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    return Page(
        records=[*root.iterfind("./{*}ListRecords/{*}record"), *root.iterfind("./{*}GetRecord/{*}record")],
        token=words(token),
        date=told if _DATE.fullmatch(told) else yesterday,
        size=int(size) if size.isdigit() and int(size) else None,
        mended=mended,
    )


def _raise_errors(root: etree._Element, base: str) -> None:
    """:raises SourceError: for an error of the protocol, other than that there is nothing new."""
    for problem in root.iterfind("./{*}error"):
        code, said = problem.get("code") or "?", words(problem)
        if code == "badResumptionToken":
            raise TokenLostError(f"{base}: {code}：{said}")
        if code != "noRecordsMatch":
            raise SourceError(f"{base}: 服务器报告 {code}{_MEANING.get(code, '')}{f'：{said}' if said else ''}")


_MEANING = {
    "badArgument": "（参数不对）",
    "badVerb": "（不支持这个请求）",
    "cannotDisseminateFormat": "（没有这种元数据格式，用 --prefix 另选）",
    "idDoesNotExist": "（没有这条记录）",
    "noMetadataFormats": "（没有元数据格式）",
    "noSetHierarchy": "（服务器不分集合，不能用 --set）",
}


def _identifier(element: etree._Element) -> str:
    return words(element.find("./{*}header/{*}identifier"))


def _hash(text: str) -> bytes:
    return hashlib.blake2b(text.encode(), digest_size=8).digest()


def record_outcome(element: etree._Element, place: str, describer: Describer = PLAIN) -> Outcomes:
    """What one ``record`` of an answer says: a record, a deletion, or why it cannot be read."""
    identifier = _identifier(element)[:500]
    if not identifier:
        yield Skipped(place=place, reason="OAI 记录没有 identifier")
        return
    header = element.find("./{*}header")
    if header is not None and (header.get("status") or "").strip() == "deleted":
        yield Deleted(source_id=identifier, place=place)
        return
    body = next(_bodies(element), None)
    if body is None:
        yield Skipped(place=place, reason=f"{identifier} 没有元数据", source_id=identifier)
        return
    try:
        thing = describer.thing(describer.record(body), identifier)
        yield Read(thing=thing, place=place, encoding="utf-8", note="XML")
    except ValueError as error:
        yield Skipped(place=place, reason=f"{identifier}：{error}", source_id=identifier)


def _bodies(element: etree._Element) -> Iterator[etree._Element]:
    return (body for body in element.iterfind("./{*}metadata/*") if isinstance(body.tag, str))
