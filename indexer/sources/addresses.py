"""An address on the web: an OAI-PMH or SRU server, or a file, page or feed, which is kept in a temporary file."""

from __future__ import annotations

import hashlib
import itertools
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit, urlunsplit

from indexer.records import Document
from indexer.sources import oai_pmh, sru
from indexer.sources.descriptions import Describer
from indexer.sources.options import ReadingOptions
from indexer.sources.values import Outcome, Read, SourceError
from indexer.sources.web import Fetcher, StatusError, new_client
from indexer.sources.xml_answer import name_of, parse

POLITE = 0.3
"""Seconds between two requests to one server."""
_OAI = frozenset({"metadataPrefix", "from", "until", "set"})
_SRU = frozenset({"query", "recordSchema", "maximumRecords", "version", "startRecord", "recordPacking"})
_SUFFIXES = {
    "text/html": ".html", "application/xhtml+xml": ".html", "application/pdf": ".pdf", "text/csv": ".csv",
    "text/plain": ".txt", "text/markdown": ".md", "application/json": ".json",
}  # fmt: skip

FileReader = Callable[[Path, str, ReadingOptions], Iterator[tuple[str, Outcome]]]


def read_address(url: str, options: ReadingOptions, *, file_reader: FileReader) -> Iterator[tuple[str, Outcome]]:
    """Everything behind ``url``.

    :raises SourceError: when it cannot be read, or is in the server's own network.
    """
    with new_client() as client:
        fetcher = Fetcher(client=client, allow_private=options.allow_private, networks=options.networks, pause=POLITE)
        protocol = _told_protocol(url, options)
        with tempfile.TemporaryDirectory(prefix="lianwen-web-") as folder:
            if not protocol:
                path, said = _download(url, fetcher, Path(folder))
                protocol = _protocol_of(path)
            if not protocol:
                yield from _saved(path, said, options, file_reader)
                return
        outcomes = _harvest(url, fetcher, options) if protocol == "oai" else _search(url, fetcher, options)
        yield from zip(itertools.repeat(url), outcomes, strict=False)


def _told_protocol(url: str, options: ReadingOptions) -> str:
    if options.format in ("oai", "sru"):
        return options.format
    if options.format != "auto":
        return ""
    asked = dict(parse_qsl(urlsplit(url).query))
    if "verb" in asked:
        return "oai"
    return "sru" if asked.get("operation") == "searchRetrieve" or "query" in options.harvest else ""


def _protocol_of(path: Path) -> str:
    """Did a server answer the bare address in OAI-PMH or SRU (with an error or an explanation)?"""
    with path.open("rb") as file:
        head = file.read(1 << 20)
    if b"OAI-PMH" not in head[:4096] and b"Response" not in head[:4096]:
        return ""
    try:
        root, _ = parse(head)
    except ValueError:
        return "oai" if b"<OAI-PMH" in head[:4096] else ""
    return {"OAI-PMH": "oai", "searchRetrieveResponse": "sru", "explainResponse": "sru"}.get(name_of(root), "")


def _download(url: str, fetcher: Fetcher, folder: Path) -> tuple[Path, str]:
    """The file, under a name whose suffix tells what it is, and the address it came from in the end."""
    path = folder / "fetched"
    try:
        fetched = fetcher.fetch(url, into=path)
    except StatusError as error:
        if b"<OAI-PMH" not in error.body:
            raise
        path.write_bytes(error.body)
        return path, url
    name = PurePosixPath(unquote(urlsplit(fetched.url).path)).name
    suffix = PurePosixPath(name).suffix.lower()[:12]
    told = _SUFFIXES.get(fetched.media_type.partition(";")[0].strip().lower(), "")
    if told == ".html" or not suffix[1:].isalnum():
        suffix = told or suffix
    named = path.with_name(f"page{suffix if suffix[1:].isalnum() else ''}")
    path.rename(named)
    return named, fetched.url


def _saved(path: Path, url: str, options: ReadingOptions, file_reader: FileReader) -> Iterator[tuple[str, Outcome]]:
    for name, outcome in file_reader(path, url, options):
        if isinstance(outcome, Read) and isinstance(outcome.thing, Document) and not outcome.thing.url:
            outcome = replace(outcome, thing=replace(outcome.thing, url=url))
        yield name, outcome


def _harvest(url: str, fetcher: Fetcher, options: ReadingOptions) -> Iterator[Outcome]:
    parts = urlsplit(url)
    asked = dict(parse_qsl(parts.query))
    rest = {
        name: value for name, value in asked.items() if name not in _OAI | {"verb", "resumptionToken", "identifier"}
    }
    base = urlunsplit((parts.scheme, parts.netloc, parts.path, urlencode(rest), ""))
    arguments = {name: value for name, value in {**asked, **options.harvest}.items() if name in _OAI and value}
    part = "from" in arguments or "until" in arguments  # a stretch of time says nothing about the rest
    address = "" if part else harvest_address(base, arguments)
    state = None if part else options.state(address)
    return oai_pmh.harvest(
        base,
        fetcher,
        arguments=arguments,
        state=state,
        address=address,
        run_id=options.run_id,
        describer=Describer(kind=options.kind, rules=options.rules),
    )


def harvest_address(base: str, arguments: dict[str, str]) -> str:
    """What a harvest's progress is remembered by: the server and what was asked of it, but for the dates."""
    told = sorted((name, value) for name, value in arguments.items() if name in ("metadataPrefix", "set"))
    return hashlib.blake2b(f"{base}\0{told}".encode(), digest_size=20).hexdigest()


def _search(url: str, fetcher: Fetcher, options: ReadingOptions) -> Iterator[Outcome]:
    arguments = {name: value for name, value in options.harvest.items() if name in _SRU}
    if "metadataPrefix" in options.harvest:
        arguments.setdefault("recordSchema", options.harvest["metadataPrefix"])
    return sru.fetch(url, fetcher, arguments=arguments, describer=Describer(kind=options.kind, rules=options.rules))


def is_address(given: str) -> bool:
    """Is it an address on the web (and no path)?

    :raises SourceError: for another kind of address.
    """
    if given.lower().startswith(("http://", "https://")):
        return True
    if "://" in given[:12]:
        raise SourceError(f"只接受 http 和 https 地址：{given}")
    return False
