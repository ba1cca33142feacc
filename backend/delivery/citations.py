"""A citation in free text: what can be read from it, and whether a found record is the thing it means. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from backend.delivery.values import ItemRef

_ISBN = re.compile(r"(?<![0-9])(97[89][- ]?)?(\d[- ]?){9}[\dXx](?![0-9])")
_ISSN = re.compile(r"(?<![0-9-])\d{4}-\d{3}[\dXx](?![0-9-])")
_DOI = re.compile(r"10\.\d{4,9}/[^\s\"<>，。；]+")
_YEAR = re.compile(r"(?<![0-9])(1[5-9]\d{2}|20\d{2})(?![0-9])")
_PAGES = re.compile(r"(?:[:：]\s*|pp?\.\s*|第)(\d{1,5}\s*[-–—~～]\s*\d{1,5})\s*页?", re.IGNORECASE)
_QUOTED = re.compile(r"[《〈“\"「『]([^》〉”\"」』]{2,300})[》〉”\"」』]")
_GBT = re.compile(r"^(?P<author>.{1,120}?)[.．]\s*(?P<title>.{2,300}?)\s*\[[A-Z](?:/[A-Z]{2})?\]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Citation:
    """What was read. ``title`` is the most likely title; empty fields were not found."""

    text: str
    title: str = ""
    authors: str = ""
    year: int | None = None
    isbn: str = ""
    issn: str = ""
    doi: str = ""
    pages: str = ""


def parse(text: str) -> Citation:
    """Read a citation: GB/T 7714 (作者. 题名[J]. …), 《题名》, quoted titles, or just words.

    >>> found = parse("许军林. 地市级区域图书馆联盟建设研究[M]. 成都: 西南交通大学出版社, 2011")
    >>> found.title, found.authors, found.year
    ('地市级区域图书馆联盟建设研究', '许军林', 2011)
    """
    flat = " ".join(unicodedata.normalize("NFKC", text).split())
    doi = _DOI.search(flat)
    rest = flat.replace(doi[0], " ") if doi else flat
    isbn, issn, pages = _ISBN.search(rest), _ISSN.search(rest), _PAGES.search(rest)
    years = _YEAR.findall(rest)
    reference, quoted = _GBT.match(re.sub(r"^\[\d+\]\s*", "", rest)), _QUOTED.search(rest)
    title = reference["title"] if reference else (quoted[1] if quoted else _first_part(rest))
    return Citation(
        text=text,
        title=title.strip(" .,，。"),
        authors=reference["author"].strip() if reference else "",
        year=int(years[-1]) if years else None,
        isbn=re.sub(r"[- ]", "", isbn[0]).upper() if isbn else "",
        issn=issn[0].upper() if issn else "",
        doi=doi[0].rstrip(".") if doi else "",
        pages=pages[1].replace(" ", "") if pages else "",
    )


def best_match(citation: Citation, found: Sequence[ItemRef]) -> tuple[ItemRef | None, str]:
    """The record that is certainly meant, and why; else None and the likeliest one in words.

    Certain is: the same ISBN, or the whole title in the citation with a year and author that do not contradict it.
    """
    for item in found:
        if citation.isbn and item.isbn and _isbn13(citation.isbn) == _isbn13(item.isbn):
            return item, f"按 ISBN 核对为《{item.title}》"
    for item in found:
        if _same_title(citation, item) and not _contradicts(citation, item):
            return item, f"按题名核对为《{item.title}》"
    return (None, f"可能是《{found[0].title}》，待馆员核对") if found else (None, "目录中没有找到相符的文献")


def _same_title(citation: Citation, item: ItemRef) -> bool:
    title = _bare(re.split(r"[:：=/]", item.title)[0])
    if len(title) < 2:
        return False
    if title == _bare(citation.title) or _bare(item.title) == _bare(citation.title):
        return True
    return len(title) >= 6 and title in _bare(citation.text)


def _contradicts(citation: Citation, item: ItemRef) -> bool:
    if citation.year and item.year and abs(citation.year - item.year) > 1:
        return True
    if citation.authors and item.creators:
        known = _bare(" ".join(item.creators))
        names = [_bare(name) for name in re.split(r"[,，、;；]|等|\bet al\b", citation.authors)]
        return not any(name and (name in known or known in name) for name in names)
    return False


def _bare(text: str) -> str:
    folded = unicodedata.normalize("NFKC", text).casefold()
    return "".join(character for character in folded if character.isalnum())


def _isbn13(isbn: str) -> str:
    """ISBN-13 of an ISBN-10 (ISO 2108); other strings unchanged."""
    bare = isbn.replace("-", "").upper()
    if len(bare) != 10:
        return bare
    body = "978" + bare[:9]
    total = sum(int(digit) * (3 if position % 2 else 1) for position, digit in enumerate(body))
    return body + str(-total % 10)


def _first_part(text: str) -> str:
    return re.split(r"[,，。;；/]|\.\s", text, maxsplit=1)[0]
