"""A stored item in the citation formats that readers ask for. Pure.

GB/T 7714 orders: responsible persons (three, then 等 or et al), title with its type mark, edition, place: publisher,
year; for electronic ones date, day of citation and address (GB/T 7714-2015, clause 4 and 8).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import Any

from indexer.records import StoredItem

_HAN = re.compile(r"[\u3400-\u9fff]")
_MARKS = {"catalogue": "M", "standard": "S", "news": "N", "research": "R", "policy": "Z", "faq": "Z", "document": "Z"}
_CSL = {
    "catalogue": "book",
    "standard": "standard",
    "news": "article-newspaper",
    "research": "report",
    "policy": "document",
    "faq": "webpage",
    "document": "document",
}
_RIS = {"catalogue": "BOOK", "standard": "STAND", "news": "NEWS", "research": "RPRT"}
_BIBTEX = {"catalogue": "book", "research": "techreport", "standard": "techreport"}
_MATERIAL_MARKS = {"thesis": "D", "map": "CM", "proceedings": "C", "serial": "J", "journal": "J"}
_ROLE = re.compile(r"\s*(?:\[?(?:等)?(?:编著|主编|编|著|译|撰|辑|校|注|绘|编译|译著|执笔|整理|选编|author|editor)\]?)$")


@dataclass(frozen=True, slots=True)
class Citation:
    """A citation's text and its media type."""

    text: str
    media_type: str


def cite(item: StoredItem, style: str, *, today: date | None = None) -> Citation:
    """``item`` in one of :data:`STYLES`. ``today`` is the day of citation of what lies online."""
    return STYLES[style](item, today or date.today())


def _gb2025(item: StoredItem, today: date) -> Citation:
    """The edition of 2025: a standard is its number and name only; commas and colons of a Chinese item are Chinese."""
    number = _identifier(item, "standard")
    if item.kind == "standard" and number:
        name = item.title.replace(number, "").strip()
        text = f"{number.replace('-', '—')} {name}[S{'/OL' if item.url else ''}]."
        return Citation(f"{text} {item.url}." if item.url else text, "text/plain")
    made = _gb(item, today, year_2025=True)
    if not _HAN.search(item.title):
        return made
    text, address = made.text.removesuffix("."), f". {item.url}" if item.url else ""
    body = text.removesuffix(address)
    return Citation(f"{body.replace(', ', '，').replace(': ', '：')}{address}.", made.media_type)


def _gb(item: StoredItem, today: date, *, year_2025: bool) -> Citation:
    online = bool(item.url)
    mark = _MATERIAL_MARKS.get(str(item.metadata.get("material", "")), _MARKS.get(item.kind, "Z"))
    if item.kind in ("policy", "faq", "document") and online:
        mark = "EB"
    parts = [_gb_people(item, year_2025=year_2025), f"{_gb_title(item)}[{mark}{'/OL' if online else ''}]"]
    edition = _plain(item, "edition")
    if edition and edition not in ("第1版", "1版", "初版"):
        parts.append(edition)
    parts.append(_gb_imprint(item, mark))
    text = ". ".join(part for part in parts if part)
    if online:
        text += f"[{today.isoformat()}]. {item.url}"
    return Citation(text if text.endswith(".") else f"{text}.", "text/plain")


def _gb_imprint(item: StoredItem, mark: str) -> str:
    if mark in ("N", "EB"):
        return f"({item.date})" if item.date else (f"({item.year})" if item.year else "")
    place, year = _plain(item, "place"), str(item.year) if item.year is not None else ""
    press = f"{place}: {item.publisher}" if place and item.publisher else place or item.publisher
    return ", ".join(part for part in (press, year) if part)


def _gb_title(item: StoredItem) -> str:
    title = item.title.strip()
    number = _identifier(item, "standard")
    if number and number not in title:
        return f"{title}: {number.replace('-', '—')}"
    return re.sub(r"\s*[:：]\s*", ": ", title)


def _gb_people(item: StoredItem, *, year_2025: bool) -> str:
    names = people(item)
    if not names:
        return ""
    shown = [_gb_name(name, year_2025=year_2025) for name in names[:3]]
    if len(names) > 3:
        shown.append("等" if _HAN.search(names[0]) else "et al")
    return ", ".join(shown)


def _gb_name(name: str, *, year_2025: bool) -> str:
    """2015 writes family names in capitals and drops hyphens between initials; 2025 does neither."""
    if _HAN.search(name) or "," not in name:
        return name
    family, _, given = (part.strip() for part in name.partition(","))
    words = [word for word in re.split(r"[\s.]+", given) if word]
    initials = ["-".join(part[0].upper() for part in word.split("-") if part) for word in words]
    joined = " ".join(initials)
    return f"{family} {joined}".strip() if year_2025 else f"{family.upper()} {joined.replace('-', ' ')}".strip()


def people(item: StoredItem) -> list[str]:
    """Names of those responsible, without role words and years of life."""
    names = []
    for creator in item.creators:
        name = re.sub(r",?\s*\(?\d{4}\s*-\s*(?:\d{4})?\)?\.?$", "", creator.strip()).strip(" .,;，；")
        name = _ROLE.sub("", name).strip() if _HAN.search(name) and len(name) > 2 else name
        if name and name not in names:
            names.append(name)
    return names


def _bibtex(item: StoredItem, _today: date) -> Citation:
    fields = {
        "title": item.title,
        "author": " and ".join(people(item)),
        "publisher": item.publisher,
        "address": _plain(item, "place"),
        "year": str(item.year) if item.year is not None else "",
        "edition": _plain(item, "edition"),
        "series": "; ".join(item.series),
        "isbn": _identifier(item, "isbn"),
        "issn": _identifier(item, "issn"),
        "number": _identifier(item, "standard"),
        "url": item.url,
        "language": item.language,
    }
    body = "".join(f"  {name} = {{{_tex(value)}}},\n" for name, value in fields.items() if value)
    key = re.sub(r"[^A-Za-z0-9]", "", item.id) or "item"
    return Citation(f"@{_BIBTEX.get(item.kind, 'misc')}{{{key},\n{body}}}\n", "application/x-bibtex")


def _tex(text: str) -> str:
    escaped = re.sub(r"([#$%&_])", r"\\\1", text.replace("\\", r"\textbackslash "))
    return re.sub(r"\s+", " ", escaped.replace("{", r"\{").replace("}", r"\}"))


def _ris(item: StoredItem, _today: date) -> Citation:
    lines = [("TY", _RIS.get(item.kind, "GEN")), ("TI", item.title)]
    lines += [("AU", name) for name in people(item)]
    lines += [
        ("PY", str(item.year) if item.year is not None else ""),
        ("DA", item.date.replace("-", "/")),
        ("PB", item.publisher),
        ("CY", _plain(item, "place")),
        ("ET", _plain(item, "edition")),
        ("SN", _identifier(item, "isbn") or _identifier(item, "issn")),
        ("M1", _identifier(item, "standard")),
    ]
    lines += [("T3", name) for name in item.series] + [("KW", word) for word in item.subjects]
    lines += [("LA", item.language), ("UR", item.url), ("ID", item.id)]
    body = "".join(f"{tag}  - {' '.join(value.split())}\r\n" for tag, value in lines if value)
    return Citation(f"{body}ER  - \r\n", "application/x-research-info-systems")


def csl_item(item: StoredItem) -> dict[str, Any]:
    """The item as a CSL-JSON object."""
    fields: dict[str, Any] = {
        "id": item.id,
        "type": _CSL.get(item.kind, "document"),
        "title": item.title,
        "author": [_csl_name(name) for name in people(item)],
        "publisher": item.publisher,
        "publisher-place": _plain(item, "place"),
        "edition": _plain(item, "edition"),
        "collection-title": "; ".join(item.series),
        "ISBN": _identifier(item, "isbn"),
        "ISSN": _identifier(item, "issn"),
        "number": _identifier(item, "standard"),
        "URL": item.url,
        "language": item.language,
        "abstract": item.abstract,
        "keyword": "; ".join(item.subjects),
    }
    issued = _date_parts(item)
    if issued:
        fields["issued"] = {"date-parts": [issued]}
    return {name: value for name, value in fields.items() if value}


def _csl(item: StoredItem, _today: date) -> Citation:
    return Citation(json.dumps([csl_item(item)], ensure_ascii=False), "application/vnd.citationstyles.csl+json")


def _csl_name(name: str) -> dict[str, str]:
    if _HAN.search(name) or "," not in name:
        return {"literal": name}
    family, _, given = (part.strip() for part in name.partition(","))
    return {"family": family, "given": given}


def _date_parts(item: StoredItem) -> list[int]:
    match = re.match(r"(\d{4})(?:-(\d{1,2})(?:-(\d{1,2}))?)?", item.date)
    if match:
        return [int(part) for part in match.groups() if part]
    return [item.year] if item.year is not None else []


def _identifier(item: StoredItem, scheme: str) -> str:
    return next((one.value for one in item.identifiers if one.scheme == scheme), "")


def _plain(item: StoredItem, name: str) -> str:
    value = item.metadata.get(name, "")
    return value.strip() if isinstance(value, str) else ""


STYLES: Mapping[str, Callable[[StoredItem, date], Citation]] = MappingProxyType(
    {
        "gb7714-2015": lambda item, today: _gb(item, today, year_2025=False),
        "gb7714-2025": _gb2025,
        "bibtex": _bibtex,
        "ris": _ris,
        "csl-json": _csl,
    }
)
