"""RSS and Atom feeds as news."""

from __future__ import annotations

import time
from pathlib import Path

import feedparser

from indexer.records import Document, Kind
from indexer.sources.documents import text_of_html
from indexer.sources.values import Outcomes, Read, Skipped, SourceError


def read_feed(path: Path, *, kind: Kind) -> Outcomes:
    """Every entry of a feed file."""
    parsed = feedparser.parse(path.read_bytes(), sanitize_html=True)
    if not parsed.entries:
        if parsed.bozo:
            raise SourceError(f"{path.name}: 不是可读的 RSS 或 Atom：{parsed.bozo_exception}")
        return
    for number, entry in enumerate(parsed.entries, start=1):
        place = f"条目 {number}"
        contents = [part.get("value", "") for part in entry.get("content", [])] or [entry.get("summary", "")]
        text = text_of_html("\n".join(contents))
        title = text_of_html(entry.get("title", "")).strip()
        if not title and not text:
            yield Skipped(place=place, reason="既无标题也无正文")
            continue
        moment = entry.get("published_parsed") or entry.get("updated_parsed")
        yield Read(
            thing=Document(
                source_id=str(entry.get("id") or entry.get("link") or title)[:500],
                kind=kind,
                title=title or text[:60],
                text=text or title,
                date=time.strftime("%Y-%m-%d", moment) if moment else "",
                url=str(entry.get("link", "")),
                metadata={"source": str(parsed.feed.get("title", ""))},
            ),
            place=place,
            encoding=str(parsed.encoding or "utf-8"),
            note="RSS/Atom",
        )
