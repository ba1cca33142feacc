"""RSS and Atom: each entry a news document, in whatever dialect feedparser knows."""

from __future__ import annotations

import calendar
import time
from typing import Any, cast

import feedparser

from indexer.records import Document, Kind
from indexer.sources.documents import text_of_html
from indexer.sources.values import Outcomes, Read, Skipped, SourceError

LARGEST = 64 * 1024 * 1024
"""Bytes of a feed that are looked at."""


def looks_like_feed(head: bytes) -> bool:
    """Do the first bytes hold the root element of a feed?"""
    start = head[:2048].lower()
    return any(mark in start for mark in (b"<rss", b"<feed", b"<rdf:rdf"))


def read_feed(content: bytes, *, kind: str | None = None) -> Outcomes:
    """The entries of a feed.

    :raises SourceError: when it is no feed, or declares entities of its own (a way to blow memory up).
    """
    if len(content) > LARGEST:
        raise SourceError(f"订阅源超过 {LARGEST // 1024 // 1024} MB")
    if b"<!ENTITY" in content[:65536].upper():
        raise SourceError("订阅源自带实体声明，拒绝读取")
    feed = feedparser.parse(content, sanitize_html=False, resolve_relative_uris=False)
    if not feed.entries and not feed.get("version"):
        raise SourceError(f"不是 RSS 或 Atom：{feed.get('bozo_exception', '')}")
    source = text_of_html(feed.feed.get("title", ""))
    for number, entry in enumerate(feed.entries, start=1):
        place = f"第 {number} 条"
        title, text = text_of_html(entry.get("title", "")), text_of_html(_body(entry))
        if not title and not text:
            yield Skipped(place=place, reason="没有标题也没有正文")
            continue
        link = entry.get("link", "")
        yield Read(
            thing=Document(
                source_id=(entry.get("id") or link or f"{title}@{_date(entry)}")[:500],
                kind=cast(Kind, kind or "news"),
                title=title or text[:40],
                text=text or title,
                date=_date(entry),
                url=link if link.startswith(("http://", "https://")) else "",
                language=feed.feed.get("language", ""),
                metadata={name: value for name, value in _more(entry, source).items() if value},
            ),
            place=place,
            encoding=feed.get("encoding", ""),
            note="订阅源声明",
        )


def _body(entry: Any) -> str:
    contents = [part.get("value", "") for part in entry.get("content", [])]
    return str(max([entry.get("summary", ""), *contents], key=len))


def _date(entry: Any) -> str:
    for name in ("published_parsed", "updated_parsed", "created_parsed"):
        if moment := entry.get(name):
            try:
                return time.strftime("%Y-%m-%d", time.gmtime(calendar.timegm(moment)))
            except (OverflowError, ValueError, OSError):
                continue
    return ""


def _more(entry: Any, source: str) -> dict[str, Any]:
    tags = [tag.get("term", "") for tag in entry.get("tags", []) if tag.get("term")]
    return {"source": source, "authors": [entry.author] if entry.get("author") else [], "keywords": tags}
