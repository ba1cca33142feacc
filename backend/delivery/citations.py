"""A citation in free text: what can be read from it, and whether a found record is the thing it means. Pure.

Read are GB/T 7714 (numbered and author–date, Western or Chinese punctuation), APA, Vancouver and MLA shapes, BibTeX,
RIS, titles in book-title marks or quotes, and plain words separated by spaces or commas. What identifies by itself
(DOI, ISBN, ISSN) is taken out first and believed only with a right check digit.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from backend.delivery.citation_fields import bibtex, ris
from backend.delivery.citation_parts import identifiers, is_journal, isbn13, place, plain_words
from backend.delivery.values import ItemRef

__all__ = ["Citation", "best_match", "isbn13", "parse"]

_MARK = re.compile(r"\s*\[(?P<mark>[A-Z]{1,2})(?:\s*/\s*(?P<carrier>[A-Z]{2}))?\]")
_NUMBERED = re.compile(r"^\s*(?:\[\d+\]|\(\d+\)|\d{1,3}[.、]\s)\s*")
_AUTHOR_END = re.compile(
    r"(?<!\b[A-Z])[.．。]\s*(?![a-z0-9])|(?<=\b[A-Z])(?<![·‧•・][A-Z])[.]\s+(?=[^\W\d_]{2}|[^\x00-\x7f])"
)
_AUTHOR_YEAR = re.compile(r"^(?P<author>[^.。]{1,200}?)[,，]\s*(?P<year>(?:1[5-9]|20)\d{2})[a-z]?$")
_APA = re.compile(
    r"^(?P<author>.{2,400}?)[.,，]?\s*\((?P<year>(?:1[5-9]|20)\d{2})[a-z]?(?:[,，][^)]{1,30})?\)\s*[.。,，]?\s*(?P<rest>.+)$"
)
_VANCOUVER = re.compile(
    r"^(?P<author>(?:[^\W\d_][\w'’-]+(?: [\w'’-]+)? [A-Z]{1,3}(?:, |(?=\. )))+(?:et al)?)\. "
    r"(?P<title>[^.?!]{4,300})[.?!] (?P<rest>.+)$"
)
_QUOTED = re.compile(r"[《〈“\"「『]([^》〉”\"」』]{2,300})[》〉”\"」』]")
_KINDS = {"J": "article", "N": "news", "M": "book", "D": "thesis", "C": "proceedings", "S": "standard", "R": "report"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Citation:
    """What was read; empty fields were not found. ``journal``: what the article or chapter is in."""

    text: str
    kind: str = ""
    title: str = ""
    authors: str = ""
    journal: str = ""
    publisher: str = ""
    year: int | None = None
    volume: str = ""
    issue: str = ""
    pages: str = ""
    isbn: str = ""
    issn: str = ""
    doi: str = ""

    @property
    def understood(self) -> dict[str, str]:
        """The fields that were found, for showing to the one who wrote it."""
        fields = (
            "title", "authors", "journal", "publisher", "year", "volume", "issue", "pages", "isbn", "issn", "doi",
        )  # fmt: skip
        return {name: str(getattr(self, name)) for name in fields if getattr(self, name)}


def parse(text: str) -> Citation:
    """Read a citation.

    >>> found = parse("许军林. 地市级区域图书馆联盟建设研究[M]. 成都: 西南交通大学出版社, 2011")
    >>> found.title, found.authors, found.publisher, found.year
    ('地市级区域图书馆联盟建设研究', '许军林', '西南交通大学出版社', 2011)
    >>> found = parse("王某. 区域联盟的资源共享[J]. 图书馆论坛, 2019, 39(4): 45-52.")
    >>> found.journal, found.volume, found.issue, found.pages
    ('图书馆论坛', '39', '4', '45-52')
    """
    structured = bibtex(text) or ris(text)
    if structured is not None:
        return _tidied(Citation(text=text, **structured))
    flat = _NUMBERED.sub("", " ".join(unicodedata.normalize("NFKC", text).split()))
    rest, known = identifiers(flat)
    base = Citation(text=text, isbn=known.get("isbn", ""), issn=known.get("issn", ""), doi=known.get("doi", ""))
    for shape in _SHAPES:
        found = shape(base, rest)
        if found is not None:
            return _tidied(found)
    return _tidied(_plain(base, rest))


def _gbt(base: Citation, text: str) -> Citation | None:
    """``作者. 题名[J]. 刊名, 年, 卷(期): 页``; the mark in brackets tells where the title ends."""
    mark = _MARK.search(text)
    if mark is None or mark.start() < 2:
        return None
    before, after = text[: mark.start()], text[mark.end() :].lstrip(" .。,，")
    authors, title, year = _author_and_title(before)
    host = ""
    if after.startswith("//"):
        host, _, after = _host(after[2:])
    fields = place(after, host_first=mark["mark"] in ("J", "N") and not host)
    journal = host or (fields.container if mark["mark"] in ("J", "N") else "")
    return replace(
        base,
        kind=_KINDS.get(mark["mark"], ""),
        title=title,
        authors=authors,
        journal=journal,
        publisher=fields.publisher,
        year=year or fields.year,
        volume=fields.volume,
        issue=fields.issue,
        pages=base.pages or fields.pages,
    )


def _host(text: str) -> tuple[str, str, str]:
    """The book or proceedings a chapter is in: ``编者. 题名[C]. 地: 社``; its title, its mark, what follows."""
    mark = _MARK.search(text)
    head, tail = (text[: mark.start()], text[mark.end() :]) if mark else ("", "")
    if not mark:
        head, _, tail = text.partition(". ")
        again = _AUTHOR_END.search(tail)
        if again and ":" not in tail[: again.start()] and not re.match(r"\d", tail):
            head, tail = tail[: again.start()], tail[again.end() :]
        return head.strip(), "", tail.strip()
    _, title, _ = _author_and_title(head)
    return title, mark["mark"], tail.lstrip(" .。,，")


def _author_and_title(text: str) -> tuple[str, str, int | None]:
    """``作者. 题名`` or ``作者, 年. 题名`` or a title alone."""
    end = _AUTHOR_END.search(text)
    if end is None or end.end() >= len(text):
        return "", text, None
    authors, title = text[: end.start()], text[end.end() :]
    dated = _AUTHOR_YEAR.match(authors)
    if dated:
        return dated["author"], title, int(dated["year"])
    year = re.match(r"((?:1[5-9]|20)\d{2})[a-z]?\s*[.。,，]\s*", title)
    if year:
        return authors, title[year.end() :], int(year[1])
    return authors, title, None


def _apa(base: Citation, text: str) -> Citation | None:
    """``Author, A. (2020). Title. Journal, 12(3), 45–67.``"""
    found = _APA.match(text)
    if found is None or len(found["author"]) > 200 or "《" in found["author"]:
        return None
    quoted = _QUOTED.match(found["rest"])
    if quoted and not found["rest"][quoted.end() : quoted.end() + 1].isalnum():
        title, tail = quoted[1], found["rest"][quoted.end() :]
    else:
        cut = re.search(r"[.。?!？！](?:\s+(?=\S)|(?=[^\W\d]|[(《]))|[.。]$|$", found["rest"])
        end = cut.start() if cut else len(found["rest"])
        title, tail = found["rest"][:end], found["rest"][end:]
    title = re.sub(r"\s*\((?:\d+\w{2} ed|Vol|pp|第\d+版)[^)]*\)\s*$", "", title)
    fields = place(tail.lstrip(" .。?!,，"), host_first=True)
    numbered = bool(fields.volume or fields.issue or fields.pages) or is_journal(fields.container)
    return replace(
        base,
        title=title,
        authors=found["author"],
        year=int(found["year"]),
        journal=fields.container if numbered else "",
        publisher=fields.publisher or ("" if numbered else fields.container),
        volume=fields.volume,
        issue=fields.issue,
        pages=base.pages or fields.pages,
    )


def _vancouver(base: Citation, text: str) -> Citation | None:
    """``Smith J, Li K. Title. Journal. 2020;12(3):45-67.``"""
    found = _VANCOUVER.match(text)
    if found is None:
        return None
    fields = place(found["rest"], host_first=True)
    return replace(
        base,
        title=found["title"],
        authors=found["author"],
        year=fields.year,
        journal=fields.container,
        volume=fields.volume,
        issue=fields.issue,
        pages=base.pages or fields.pages,
    )


def _quoted(base: Citation, text: str) -> Citation | None:
    """A title in 《》 or quotes, with people before or after it and the rest behind."""
    found = next((each for each in _QUOTED.finditer(text) if _stands_alone(text, each)), None)
    if found is None:
        return None
    before, after = text[: found.start()].strip(" ,，.。:："), text[found.end() :].strip(" ,，.。;；")
    second = _QUOTED.search(after)
    journal = second[1] if second else ""
    fields = place(_QUOTED.sub(" ", after, count=1) if second else after, host_first=found[0][0] in '“"「')
    authors = before if len(before) <= 80 else ""
    if not authors:
        head = re.split(r"[,，.。;；]", after, maxsplit=1)[0].strip()
        person = re.fullmatch(r"([\u3400-\u9fff·、,和 ]{2,20}?)(?:编著|主编|著|编|译|等)*", head)
        authors = person[1] if person and not re.search(r"出版|大学|书[局店]|期刊|学报", head) else ""
    return replace(
        base,
        title=found[1],
        authors=authors,
        journal=journal or (fields.container if fields.issue or fields.pages else ""),
        publisher=fields.publisher,
        year=fields.year,
        volume=fields.volume,
        issue=fields.issue,
        pages=base.pages or fields.pages,
    )


def _stands_alone(text: str, quoted: re.Match[str]) -> bool:
    """Is it a title by itself, not a word inside a longer one (《史记》中的时间)?"""
    before, after = text[: quoted.start()], text[quoted.end() : quoted.end() + 1]
    return not before.strip() or (not after.isalnum() and not re.search(r"[:：与和论]$", before.strip()))


def _plain(base: Citation, text: str) -> Citation:
    """Words in the usual order: who, what, where, when, which pages."""
    words = plain_words(text)
    return replace(
        base,
        title=words.title,
        authors=words.authors,
        journal=words.journal,
        publisher=words.publisher,
        year=words.year,
        volume=words.volume,
        issue=words.issue,
        pages=base.pages or words.pages,
    )


_SHAPES: tuple[Callable[[Citation, str], Citation | None], ...] = (_gbt, _apa, _vancouver, _quoted)


def _tidied(found: Citation) -> Citation:
    strip = " .,，。;；:：/"
    return replace(
        found,
        title=found.title.strip(strip + '《》“”"'),
        authors=found.authors.strip(strip),
        journal=found.journal.strip(strip + '《》“”"'),
        publisher=found.publisher.strip(strip),
        pages=re.sub(r"\s*[-–—~～]+\s*", "-", found.pages).strip(),
    )


def best_match(citation: Citation, found: Sequence[ItemRef]) -> tuple[ItemRef | None, str]:
    """The record that is certainly meant, and why; else None and the likeliest one in words.

    Certain is: the same ISBN, or the whole title in the citation with a year and author that do not contradict it. Of
    an article the journal it is in is meant; that too must be there by its whole name or its ISSN.
    """
    for item in found:
        if citation.isbn and item.isbn and isbn13(citation.isbn) == isbn13(item.isbn):
            return item, f"按 ISBN 核对为《{item.title}》"
        if citation.issn and item.issn and citation.issn == item.issn.upper():
            return item, f"按 ISSN 核对为期刊《{item.title}》"
    for item in found:
        if _same_title(citation, item) and not _contradicts(citation, item):
            return item, f"按题名核对为《{item.title}》"
    for item in found:
        if citation.journal and _bare(citation.journal) == _bare(item.title):
            return item, f"按刊名核对为《{item.title}》"
    return (None, f"可能是《{found[0].title}》，待馆员核对") if found else (None, "目录中没有找到相符的文献")


def _same_title(citation: Citation, item: ItemRef) -> bool:
    title = _bare(re.split(r"[:：=/]", item.title)[0])
    if len(title) < 2:
        return False
    if title == _bare(citation.title) or _bare(item.title) == _bare(citation.title):
        return True
    return not citation.journal and len(title) >= 6 and title in _bare(citation.text)


def _contradicts(citation: Citation, item: ItemRef) -> bool:
    if citation.year and item.year and abs(citation.year - item.year) > 1:
        return True
    if citation.authors and item.creators:
        known = _bare(" ".join(item.creators))
        names = [_bare(name) for name in re.split(r"[,，、;；&]|等|\bet al\b|\band\b", citation.authors)]
        return not any(name and (name in known or known in name) for name in names)
    return False


def _bare(text: str) -> str:
    folded = unicodedata.normalize("NFKC", text).casefold()
    return "".join(character for character in folded if character.isalnum())
