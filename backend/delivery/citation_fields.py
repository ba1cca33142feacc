"""BibTeX and RIS: citations that name their fields. Pure."""

from __future__ import annotations

import re
from typing import Any

from backend.delivery.citation_parts import isbn13, valid_issn

_ENTRY = re.compile(r"@(\w+)\s*\{", re.IGNORECASE)
_FIELD = re.compile(r"(\w+)\s*=\s*")
_RIS = re.compile(r"(?:^|\s)([A-Z][A-Z0-9])\s{1,2}-\s(.*?)(?=\s[A-Z][A-Z0-9]\s{1,2}-(?:\s|$)|\s*$)", re.DOTALL)
_BIB_KINDS = {"article": "article", "book": "book", "phdthesis": "thesis", "mastersthesis": "thesis"}
_RIS_KINDS = {"JOUR": "article", "BOOK": "book", "THES": "thesis", "CHAP": "chapter"}


def bibtex(text: str) -> dict[str, Any] | None:
    """The fields of the first BibTeX entry; None when there is none.

    >>> bibtex("@article{a, title={A {B} c}, year=2020, pages={1--9}}")["title"]
    'A B c'
    """
    entry = _ENTRY.search(text)
    if entry is None:
        return None
    fields: dict[str, str] = {}
    position = entry.end()
    while found := _FIELD.search(text, position):
        value, position = _value(text, found.end())
        fields.setdefault(found[1].lower(), value)
    if not fields:
        return None
    return _made(
        kind=_BIB_KINDS.get(entry[1].lower(), ""),
        title=fields.get("title", ""),
        authors=", ".join(re.split(r"\s+and\s+", fields.get("author", ""))),
        journal=fields.get("journal") or fields.get("journaltitle") or fields.get("booktitle", ""),
        publisher=fields.get("publisher") or fields.get("school", ""),
        year=fields.get("year") or fields.get("date", ""),
        volume=fields.get("volume", ""),
        issue=fields.get("number") or fields.get("issue", ""),
        pages=fields.get("pages", "").replace("--", "-"),
        isbn=fields.get("isbn", ""),
        issn=fields.get("issn", ""),
        doi=fields.get("doi", ""),
    )


def _value(text: str, start: int) -> tuple[str, int]:
    """A value in braces (nested), in quotes, or bare; without the braces inside it."""
    opening = text[start : start + 1]
    if opening == "{":
        depth, end = 0, start
        for end in range(start, len(text)):
            depth += {"{": 1, "}": -1}.get(text[end], 0)
            if depth == 0:
                break
        return _unbraced(text[start + 1 : end]), end + 1
    if opening == '"':
        end = text.find('"', start + 1)
        end = len(text) if end < 0 else end
        return _unbraced(text[start + 1 : end]), end + 1
    bare = re.compile(r"[^,}\s]*").match(text, start)
    return (bare[0], bare.end()) if bare else ("", start)


def _unbraced(text: str) -> str:
    return " ".join(re.sub(r"[{}]", "", text).replace("\\&", "&").split())


def ris(text: str) -> dict[str, Any] | None:
    """The fields of a RIS record; None when it is none."""
    if not re.match(r"\s*TY\s{1,2}-\s", text):
        return None
    lines: dict[str, list[str]] = {}
    for tag, value in _RIS.findall(" " + text.strip()):
        lines.setdefault(tag, []).append(" ".join(value.split()))

    def first(*tags: str) -> str:
        return next((lines[tag][0] for tag in tags if lines.get(tag)), "")

    number = first("SN")
    start, end = first("SP"), first("EP")
    return _made(
        kind=_RIS_KINDS.get(first("TY"), ""),
        title=first("TI", "T1"),
        authors=", ".join(lines.get("AU", lines.get("A1", []))),
        journal=first("JO", "JF", "T2", "JA"),
        publisher=first("PB"),
        year=first("PY", "Y1", "DA"),
        volume=first("VL"),
        issue=first("IS"),
        pages=f"{start}-{end}" if start and end else start,
        isbn=number if not valid_issn(number) else "",
        issn=number if valid_issn(number) else "",
        doi=first("DO"),
    )


def _made(**fields: str) -> dict[str, Any]:
    year = re.search(r"(?:1[5-9]|20)\d{2}", fields.pop("year"))
    isbn = fields.pop("isbn")
    made: dict[str, Any] = dict(fields)
    made["year"] = int(year[0]) if year else None
    made["isbn"] = isbn13(isbn) if isbn else ""
    return made
