"""What a copy is a copy of: keys under which the same work is found again, and how long it is. Pure."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from dataclasses import dataclass

from backend.delivery.citations import isbn13, parse
from backend.delivery.values import ItemRef

_PAGES = re.compile(r"(?<!\d)(\d{1,5})\s*(?:页|頁|葉|叶|p\b|pp\b|pages?\b)", re.IGNORECASE)
_ISSUE = re.compile(r"(\d{4})\s*年?[,，.]?\s*(?:第?\s*(\d{1,4})\s*卷)?\s*[(（]?第?\s*(\d{1,4})\s*[)）]?\s*期")
_VOLUME_ISSUE = re.compile(r"(\d{4})[,，]\s*(\d{1,4})?\s*[(（]\s*(\d{1,4})\s*[)）]")
_ROLE = re.compile(r"(?:编著|主编|编|著|译|撰|辑|校|注|等)+$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """``isbn`` may be empty; ``title`` never is. ``issue``: a journal's issue, empty for everything else."""

    isbn: str
    title: str
    serial: bool
    issue: str = ""


def work_of(item: ItemRef | None, text: str) -> Work:
    """The work a request asks for. ``text``: what the patron wrote (citation, pages, note).

    Two records of one book share the ISBN, or the title and the first author; of a journal each issue counts by itself.
    """
    read = parse(text)
    if item is None:
        serial, title, creator = bool(read.journal or read.issn), read.journal or read.title or text, read.authors
        isbn, issue = read.isbn, issue_of(text)
    else:
        serial, title = bool(item.issn) or item.kind in ("serial", "journal"), item.title
        creator = item.creators[0] if item.creators else ""
        isbn, issue = item.isbn, issue_of(text)
    if serial:
        creator = ""
    return Work(
        isbn="" if serial or not isbn else isbn13(isbn),
        title=_digest(_fold(title), _fold(_ROLE.sub("", creator.split(",")[0].strip())), issue if serial else ""),
        serial=serial,
        issue=issue if serial else "",
    )


def issue_of(text: str) -> str:
    """Year and number of a journal's issue.

    >>> issue_of("图书馆论坛, 2023, 43(5): 12-18"), issue_of("2023年第5期 12-18页"), issue_of("第三章")
    ('2023/5', '2023/5', '')
    """
    flat = unicodedata.normalize("NFKC", text)
    found = _ISSUE.search(flat) or _VOLUME_ISSUE.search(flat)
    return f"{found[1]}/{int(found[3])}" if found else ""


def extent_pages(extent: str) -> int | None:
    """How many pages the whole has; None when the extent does not say.

    >>> extent_pages("xii, 320 p. : ill. ; 21 cm"), extent_pages("2, 5, 288 页"), extent_pages("3 册")
    (320, 288, None)
    """
    counted = [int(number) for number in _PAGES.findall(unicodedata.normalize("NFKC", extent))]
    return max(counted, default=0) or None


def _fold(text: str) -> str:
    flat = unicodedata.normalize("NFKC", text).casefold()
    return "".join(character for character in flat if character.isalnum())


def _digest(*parts: str) -> str:
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()
