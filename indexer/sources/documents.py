"""PDF, DOCX, HTML, Markdown and plain text files as documents with headings, pages, clauses and exact offsets."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.token import Token

from indexer.records import Document, Kind
from indexer.sources.encoding import decode_text
from indexer.sources.outline import Outline, mark_of, title_like
from indexer.sources.pdf import read_pdf
from indexer.sources.standards import facts_of, looks_like_standard
from indexer.sources.values import Noticed, Outcomes, Read, Skipped
from indexer.sources.web_page import decode_page, read_page
from indexer.sources.word import read_word

SUFFIXES = frozenset({".pdf", ".docx", ".html", ".htm", ".xhtml", ".shtml", ".md", ".markdown", ".txt", ".text"})
LARGEST_TEXT = 64 * 1024 * 1024
"""Bytes of a text, Markdown or HTML file."""


def read_document(path: Path, *, source_id: str, kind: Kind | None = None) -> Outcomes:
    """One file as one document; of kind ``standard`` when it looks like one and no kind is given."""
    outline = Outline()
    try:
        said = _read(path, outline)
    except ValueError as error:
        yield Skipped(place=source_id, reason=str(error), source_id=source_id)
        return
    for remark in said["remarks"]:
        yield Noticed(place=source_id, remark=remark, partial=said["partial"])
    if outline.cut:
        yield Noticed(place=source_id, remark="文字超过五百万字，其余没有读入")
    if not outline.text.strip():
        yield Skipped(place=source_id, reason="没有文字", source_id=source_id)
        return
    stem = Path(source_id.rstrip("/")).stem
    told = "" if said["title"].lower() == stem.lower() else said["title"]
    heading = "" if mark_of(outline.first_heading) else outline.first_heading
    title = (told or heading or stem)[:300]
    yield Read(
        thing=_document(outline, source_id, kind, title, stem, said["metadata"]),
        place=source_id,
        encoding=said["encoding"],
        note=said["note"],
    )


def _document(
    outline: Outline, source_id: str, kind: Kind | None, title: str, stem: str, metadata: dict[str, str]
) -> Document:
    chosen: Kind = kind or ("standard" if looks_like_standard(outline.text, stem) else "document")
    facts = facts_of(outline.text, title=title, file_name=stem) if chosen == "standard" else None
    date = metadata.pop("date", "")
    return Document(
        source_id=source_id,
        kind=chosen,
        title=(facts.full_title if facts and facts.number else title)[:300],
        text=outline.text,
        date=(facts.issue_date if facts else "") or date,
        identifiers=facts.identifiers if facts else (),
        blocks=tuple(outline.blocks),
        metadata={"file": Path(source_id).name, **metadata, **(facts.metadata if facts else {})},
    )


def _read(path: Path, outline: Outline) -> dict[str, Any]:
    """Fill the outline; returns title, encoding, how it was found, remarks and metadata.

    :raises ValueError: with the reason why it cannot be read.
    """
    with path.open("rb") as file:
        head = file.read(1024)
    suffix = path.suffix.lower()
    said: dict[str, Any] = {
        "title": "",
        "encoding": "",
        "note": "由文件格式规定",
        "remarks": [],
        "partial": False,
        "metadata": {},
    }
    if b"%PDF-" in head:
        found = read_pdf(path, outline)
        return said | {
            "title": found.title, "remarks": found.remarks, "partial": found.partial, "encoding": "PDF",
        }  # fmt: skip
    if head.startswith(b"PK"):
        said["title"] = read_word(path, outline)
        return said | {"encoding": "DOCX"}
    if suffix in (".pdf", ".docx"):
        raise ValueError(f"内容不是 {suffix[1:].upper()}（文件头不对）")
    return said | _read_text(path, head, suffix, outline)


def _read_text(path: Path, head: bytes, suffix: str, outline: Outline) -> dict[str, Any]:
    size = path.stat().st_size
    if size > LARGEST_TEXT:
        raise ValueError(f"文本文件有 {size // 1024 // 1024} MB，超过 {LARGEST_TEXT // 1024 // 1024} MB")
    raw = path.read_bytes()
    is_page = suffix in (".html", ".htm", ".xhtml", ".shtml") or re.match(
        rb"\s*(?:<!doctype\s+html|<html\b)", head.removeprefix(b"\xef\xbb\xbf"), re.IGNORECASE
    )
    text, encoding, why = decode_page(raw) if is_page else decode_text(raw)
    if "\x00" in text[:4096]:
        raise ValueError("不是文本文件（含有二进制内容）")
    told: dict[str, Any] = {"encoding": encoding, "note": why, "remarks": []}
    if bad := text.count("\ufffd"):
        told["remarks"] = [f"有 {bad} 处字节不合 {encoding} 编码，已替换"]
    if is_page:
        return told | {"title": read_page(text, outline)}
    if suffix in (".md", ".markdown"):
        title, metadata = read_markdown(text, outline)
        return told | {"title": title, "metadata": metadata}
    _read_lines(text.splitlines(), outline)
    return told


def _read_lines(lines: list[str], outline: Outline) -> None:
    """Lines of a plain text; a short first one above others is its title."""
    first = next((place for place, line in enumerate(lines) if line.strip()), len(lines))
    for place, line in enumerate(lines):
        if (
            place == first
            and title_like(line)
            and not mark_of(line)
            and any(rest.strip() for rest in lines[place + 1 :])
        ):
            outline.heading(1, line)
        else:
            outline.line(line)


def text_of_html(source: str) -> str:
    """The words of an HTML fragment.

    :raises ValueError: when it cannot be parsed.
    """
    if "<" not in source and "&" not in source:
        return " ".join(source.split())
    outline = Outline()
    read_page(f"<body>{source}</body>", outline)
    return outline.text.strip()


_FRONT = re.compile(r"\A---\s*\n(.*?)\n(?:---|\.\.\.)\s*(?:\n|\Z)", re.DOTALL)
_FRONT_LINE = re.compile(
    r"""^(title|date|author|source|url|标题|日期|作者|来源)\s*[:：]\s*["']?(.*?)["']?\s*$""", re.MULTILINE
)
_FRONT_NAMES = {"标题": "title", "日期": "date", "作者": "author", "来源": "source"}


def read_markdown(source: str, outline: Outline) -> tuple[str, dict[str, str]]:
    """Fill the outline; returns the title (of the front matter, or the first heading) and other front matter."""
    front = _FRONT.match(source)
    told = {_FRONT_NAMES.get(name, name): value for name, value in _FRONT_LINE.findall(front[1])} if front else {}
    tokens = MarkdownIt("commonmark").enable("table").parse(source[front.end() :] if front else source)
    _Markdown(outline).read(iter(tokens))
    return told.pop("title", ""), told


class _Markdown:
    def __init__(self, outline: Outline) -> None:
        self._outline = outline

    def read(self, tokens: Iterator[Token]) -> None:
        for token in tokens:
            if token.type == "heading_open":
                self._outline.heading(int(token.tag[1]), _inline(next(tokens)))
            elif token.type == "table_open":
                self._outline.table(list(_table_rows(tokens)), header=True)
            elif token.type == "inline":
                for line in _inline(token).split("\n"):
                    self._outline.paragraph(line)
            elif token.type in ("fence", "code_block"):
                self._outline.paragraph(token.content)
            elif token.type == "html_block" and not token.content.lstrip().startswith("<!--"):
                self._outline.paragraph(text_of_html(token.content))


def _inline(token: Token) -> str:
    """The words; a line broken in the middle of a sentence is made whole again."""
    said = "".join(_said(child) for child in token.children or [])
    whole = ""
    for line in said.split("\n"):
        broken = len(whole.rpartition("\n")[2]) >= 30 and not re.search(r"[。！？；：.!?;:]$", whole)
        glue = "" if not whole else "\n" if not broken else " " if whole[-1].isascii() else ""
        whole += glue + line.strip()
    return whole


def _said(child: Token) -> str:
    if child.type in ("softbreak", "hardbreak"):
        return "\n"
    return "" if child.type in ("image", "html_inline") else child.content


def _table_rows(tokens: Iterator[Token]) -> Iterator[list[str]]:
    row: list[str] = []
    for token in tokens:
        if token.type == "table_close":
            return
        if token.type == "inline":
            row.append(_inline(token))
        elif token.type == "tr_close":
            yield row
            row = []
