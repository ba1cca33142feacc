"""RSS and Atom: each entry a news document, in whatever dialect feedparser knows."""

from __future__ import annotations

import calendar
import dataclasses
import hashlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast
from urllib.parse import urljoin, urlsplit

import feedparser

from indexer.records import Block, Document, Kind
from indexer.sources.dates import date_of
from indexer.sources.documents import text_of_html
from indexer.sources.outline import Outline
from indexer.sources.values import Outcomes, Read, Skipped, SourceError
from indexer.sources.web_page import read_page

LARGEST = 64 * 1024 * 1024
"""Bytes of a feed that are looked at."""


def looks_like_feed(head: bytes) -> bool:
    """Do the first bytes hold the root element of a feed?"""
    start = head[:4096].replace(b"\x00", b"").lower()
    return any(mark in start for mark in (b"<rss", b"<feed", b"<rdf:rdf"))


def read_feed(path: Path, *, kind: str | None = None, base: str = "") -> Outcomes:
    """The entries of a feed; ``base`` is where it was fetched from, for links that are relative.

    :raises SourceError: when it is no feed, is too large, or declares entities of its own (a way to blow memory up).
    """
    if path.stat().st_size > LARGEST:
        raise SourceError(f"订阅源超过 {LARGEST // 1024 // 1024} MB")
    content = path.read_bytes()
    if b"<!ENTITY" in content.replace(b"\x00", b"").upper():
        raise SourceError("订阅源自带实体声明，拒绝读取")
    feed = feedparser.parse(content, sanitize_html=False, resolve_relative_uris=False)
    if not feed.entries and not feed.get("version"):
        raise SourceError(f"不是 RSS 或 Atom：{feed.get('bozo_exception', '')}")
    base = urljoin(base, feed.feed.get("link", "") or "") if base else feed.feed.get("link", "") or ""
    source = _plain(feed.feed.get("title", ""))
    seen: set[str] = set()
    for number, entry in enumerate(feed.entries, start=1):
        place = f"第 {number} 条"
        try:
            document = _document(entry, base, source, feed.feed.get("language", ""), kind)
        except ValueError as error:
            yield Skipped(place=place, reason=str(error))
            continue
        if document.source_id in seen:
            document = _told_apart(document)
        seen.add(document.source_id)
        yield Read(thing=document, place=place, encoding=feed.get("encoding", ""), note="订阅源声明")


def _document(entry: Any, base: str, source: str, language: str, kind: str | None) -> Document:
    """:raises ValueError: for an entry without words."""
    title = _plain(entry.get("title", ""))
    text, blocks = _text(_body(entry))
    if not title and not text:
        raise ValueError("没有标题也没有正文")
    link = _link(entry.get("link", ""), entry.get("base", "") or base, base)
    date = _date(entry)
    made = hashlib.blake2b(f"{title}\0{date}\0{text[:200]}".encode("utf-8", "replace"), digest_size=8).hexdigest()
    return Document(
        source_id=(entry.get("id") or link or f"entry-{made}")[:500],
        kind=cast(Kind, kind or "news"),
        title=(title or text[:40])[:300],
        text=text or title,
        date=date,
        url=link,
        language=language or "",
        blocks=blocks if text else (),
        metadata={name: value for name, value in _more(entry, source).items() if value},
    )


def _told_apart(document: Document) -> Document:
    """An entry whose id another one of the feed has already: its own words make it another."""
    mark = hashlib.blake2b(f"{document.title}\0{document.text}".encode("utf-8", "replace"), digest_size=6).hexdigest()
    return dataclasses.replace(document, source_id=f"{document.source_id[:480]}#{mark}")


def _plain(source: str) -> str:
    return " ".join(text_of_html(source).split())


def _text(source: str) -> tuple[str, tuple[Block, ...]]:
    outline = Outline()
    if "<" in source or "&" in source:
        read_page(f"<body>{source}</body>", outline)
    else:
        for line in source.splitlines():
            outline.paragraph(line)
    text = outline.text.rstrip()
    return text, tuple(dataclasses.replace(block, end=min(block.end, len(text))) for block in outline.blocks)


def _body(entry: Any) -> str:
    contents = [str(part.get("value") or "") for part in entry.get("content", [])]
    return max([str(entry.get("summary") or ""), *contents], key=len)


def _link(link: str, near: str, base: str) -> str:
    """An absolute web address; empty for another kind of link."""
    whole = urljoin(urljoin(base, near), (link or "").strip())
    try:
        return whole if urlsplit(whole).scheme in ("http", "https") else ""
    except ValueError:
        return ""


def _date(entry: Any) -> str:
    """The day as written, in the writer's own time zone; what feedparser made of it otherwise."""
    for written in _written_dates(entry):
        day = date_of(written)
        if len(day) == 10 and day[4:5] == "-":
            return day
    for name in ("published_parsed", "updated_parsed", "created_parsed"):
        if moment := dict.get(entry, name):
            try:
                return time.strftime("%Y-%m-%d", time.gmtime(calendar.timegm(moment)))
            except (OverflowError, ValueError, OSError):
                continue
    return ""


def _written_dates(entry: Any) -> Iterator[str]:
    for name in ("published", "updated", "created"):
        if written := dict.get(entry, name):  # feedparser's own get would give one for another
            yield str(written)


def _more(entry: Any, source: str) -> dict[str, Any]:
    tags = [tag.get("term", "") for tag in entry.get("tags", []) if tag.get("term")]
    return {"source": source, "authors": [entry.author] if entry.get("author") else [], "keywords": tags}
