"""One description as harvested: MARCXML, MODS 3 (https://www.loc.gov/standards/mods/) or Dublin Core, as a record.

A repository's descriptions may be loaded as research results, standards or news: then the record becomes a document.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, cast

from lxml import etree

from indexer.description import describe
from indexer.normalise import isbn13, issn, standard_number, year_in
from indexer.records import Classification, Contributor, Document, Holding, Identifier, Kind, Record
from indexer.sources.holding_rules import HoldingRules
from indexer.sources.marc import marcxml_record
from indexer.sources.xml_answer import children, name_of, texts, words

_HAN = re.compile("[\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
_ROLE = re.compile(r"^(?P<name>.{2,40}?)[\s,，]+(?P<role>(?:主编|副主编|编著|编译|主译|[编译著撰绘校注辑])[者]?)$")
_PUBLISHES = re.compile(r"社|公司|书局|书店|出版|大学|学院|研究|press|publish|verlag|university|books", re.IGNORECASE)
_ABOUT = frozenset({"issued", "created", "available", "date", "dateAccepted", "copyrighted"})
_SCHEMES = {"isbn": isbn13, "issn": issn, "issn-l": issn}


@dataclass(frozen=True, slots=True, kw_only=True)
class Describer:
    """Reads descriptions as what is loaded: the holdings of MARC ones by ``rules``, and everything as a document of
    ``kind``, unless that is the catalogue's."""

    kind: str | None = None
    rules: HoldingRules | None = None

    def record(self, element: etree._Element) -> Record:
        """:raises ValueError: when the format is not known, or nothing has a title."""
        return description(element, self.rules)

    def thing(self, record: Record, source_id: str) -> Record | Document:
        return as_kind(replace(record, source_id=source_id[:500]), self.kind)


PLAIN = Describer()


def description(element: etree._Element, rules: HoldingRules | None = None) -> Record:
    """The record that a metadata element describes; its own id in ``source_id``, empty when it has none.

    :raises ValueError: when the format is not known, or nothing has a title.
    """
    name = name_of(element)
    inside = [name_of(child) for child in children(element)]
    if name in ("collection", "modsCollection") and inside:
        return description(next(children(element)), rules)
    if "datafield" in inside or "controlfield" in inside or "leader" in inside:
        return marcxml_record(element, rules)
    if name == "mods":
        return mods(element)
    if "title" in inside or name in ("dc", "qualifieddc", "thesis"):
        return dublin_core(element)
    if name == "holdings":
        raise ValueError("只有馆藏（ISO 20775），没有书目")
    raise ValueError(f"不认识的元数据格式：{name}")


def as_kind(record: Record, kind: str | None) -> Record | Document:
    """The record itself, or, when something else than a catalogue is loaded, a document that says the same."""
    if kind in (None, "catalogue"):
        return record
    metadata: dict[str, Any] = {
        "creators": [contributor.name for contributor in record.contributors],
        "publisher": record.publisher,
        "keywords": list(record.subjects),
        **record.metadata,
    }
    numbers = [value for text in (record.title, *record.variant_titles) if (value := standard_number(text))]
    return Document(
        source_id=record.source_id,
        kind=cast(Kind, kind),
        title="：".join(part for part in (record.title, record.subtitle) if part),
        text=record.abstract or describe(record),
        date=record.date,
        url=record.url,
        language=record.languages[0] if record.languages else "",
        identifiers=record.identifiers + tuple(Identifier(scheme="standard", value=value) for value in numbers),
        metadata={name: value for name, value in metadata.items() if value},
    )


def dublin_core(body: etree._Element) -> Record:
    """oai_dc (ANSI/NISO Z39.85) and qualified Dublin Core: the first title in Chinese characters is the title."""
    titles = sorted(texts(body, "title"), key=lambda title: not _HAN.search(title))
    if not titles:
        raise ValueError("没有题名（dc:title）")
    dates = [value for tag in sorted(_ABOUT) for value in texts(body, tag) if year_in(value)]
    date = min(dates, key=len) if dates else ""
    written = [*texts(body, "identifier"), *texts(body, "isbn"), *texts(body, "issn")]
    publishers = list(texts(body, "publisher"))
    return Record(
        source_id="",
        title=titles[0],
        variant_titles=(*titles[1:], *texts(body, "alternative")),
        contributors=tuple(
            _contributor(name) for tag in ("creator", "contributor") for name in dict.fromkeys(texts(body, tag))
        ),
        publisher=next((name for name in publishers if _PUBLISHES.search(name)), publishers[0] if publishers else ""),
        date=date,
        year=year_in(date),
        extent=next(texts(body, "extent"), ""),
        subjects=tuple(dict.fromkeys(texts(body, "subject"))),
        abstract="\n".join([*texts(body, "description"), *texts(body, "abstract")]),
        languages=tuple(texts(body, "language")),
        identifiers=tuple(_identifiers(("", one) for one in written)),
        url=next((one for one in written if one.startswith(("http://", "https://"))), ""),
    )


def _contributor(written: str) -> Contributor:
    told = _ROLE.match(written)
    return Contributor(name=told["name"], role=told["role"]) if told else Contributor(name=written)


def _identifiers(written: Iterable[tuple[str, str]]) -> Iterator[Identifier]:
    """Known-item keys among (type, text) pairs; a text without a type may be an ISBN, an ISSN or a standard number."""
    for kind, text in written:
        bare = re.sub(r"(?i)^(?:urn:)?(isbn|issn)[:\s]*", "", text).split("(")[0].split("（")[0].strip()
        for scheme, parse in _SCHEMES.items():
            if kind in ("", scheme) and (value := parse(bare)):
                yield Identifier(scheme=scheme.removesuffix("-l"), value=value, display=text)
                break
        else:
            if kind in ("lccn", "oclc"):
                yield Identifier(scheme=kind, value=bare, display=text)
            elif kind in ("", "standard", "stdno") and (value := standard_number(bare)):
                yield Identifier(scheme="standard", value=value, display=text)


def mods(body: etree._Element) -> Record:
    """MODS 3: original script before romanisation; related items of type series are the series.

    :raises ValueError: without a title.
    """
    named = [(info.get("type") or "", info) for info in body.iterfind("./{*}titleInfo")]
    proper = sorted((info for kind, info in named if not kind), key=_romanised)
    chosen = proper[0] if proper else next((info for _, info in named), None)
    title = _title(chosen) if chosen is not None else ""
    if chosen is None or not title:
        raise ValueError("没有题名（mods:titleInfo）")
    others = [info for _, info in named if info is not chosen and _title(info)]
    date, origin = _origin(body)
    notes = list(body.iterfind("./{*}note"))
    return Record(
        source_id=next(texts(body, "recordInfo", "recordIdentifier"), ""),
        title=title,
        subtitle=next(texts(chosen, "subTitle"), ""),
        parts=tuple(part for part in [" ".join([*texts(chosen, "partNumber"), *texts(chosen, "partName")])] if part),
        variant_titles=tuple(_title(info) for info in others if not _romanised(info)),
        romanised=tuple(_title(info) for info in others if _romanised(info)),
        contributors=tuple(_names(body)),
        responsibility=next((words(note) for note in notes if note.get("type") == "statement of responsibility"), ""),
        notes=tuple(words(note) for note in notes if note.get("type") != "statement of responsibility" and words(note)),
        date=date,
        year=year_in(date),
        **origin,
        extent=next(texts(body, "physicalDescription", "extent"), ""),
        abstract="\n".join(texts(body, "abstract")),
        subjects=tuple(dict.fromkeys(_subjects(body))),
        languages=tuple(_languages(body)),
        classifications=tuple(_classifications(body)),
        identifiers=tuple(
            _identifiers((one.get("type") or "", words(one)) for one in body.iterfind("./{*}identifier") if words(one))
        ),
        series=tuple(_series(body)),
        url=next((u for u in texts(body, "location", "url") if u.startswith(("http://", "https://"))), ""),
        holdings=tuple(_holdings(body)),
    )


def _romanised(element: etree._Element) -> bool:
    """Does it say the same as another one, in Latin letters?"""
    told = (element.get("script") or "").lower().startswith("latn") or element.get("transliteration") is not None
    return told or (element.get("altRepGroup") is not None and not _HAN.search(words(element)))


def _title(info: etree._Element) -> str:
    return "".join(texts(info, "nonSort")) + next(texts(info, "title"), "")


def _names(body: etree._Element) -> Iterator[Contributor]:
    """People and bodies; two forms of one name (``altRepGroup``) are one contributor."""
    groups: dict[str, list[etree._Element]] = {}
    for number, name in enumerate(body.iterfind("./{*}name")):
        groups.setdefault(name.get("altRepGroup") or f"#{number}", []).append(name)
    for group in groups.values():
        group.sort(key=_romanised)
        forms = [form for form in map(_name, group) if form]
        if forms:
            role = next((role for name in group for role in texts(name, "role", "roleTerm")), None)
            yield Contributor(name=forms[0], role=role, alternates=tuple(forms[1:]))


def _name(name: etree._Element) -> str:
    parts = [(part.get("type") or "", words(part)) for part in name.iterfind("./{*}namePart")]
    said = [text for kind, text in parts if kind not in ("date", "termsOfAddress") and text]
    return ("" if _HAN.search("".join(said)) else " ").join(said)


def _origin(body: etree._Element) -> tuple[str, dict[str, Any]]:
    """Date, and place, publisher and edition as printed."""
    infos = sorted(body.iterfind("./{*}originInfo"), key=_romanised)
    dates = [
        date
        for info in infos
        for tag in ("dateIssued", "copyrightDate", "dateCreated")
        for date in info.iterfind(f"./{{*}}{tag}")
        if words(date) and date.get("point") != "end"
    ]
    dates.sort(key=lambda date: date.get("encoding") is not None)
    places = [
        place
        for info in infos
        for place in info.iterfind("./{*}place/{*}placeTerm")
        if place.get("type") != "code" and words(place)
    ]
    return (words(dates[0]) if dates else ""), {
        "place": words(places[0]) if places else "",
        "publisher": next((name for info in infos for name in texts(info, "publisher")), ""),
        "edition": next((name for info in infos for name in texts(info, "edition")), ""),
    }


def _subjects(body: etree._Element) -> Iterator[str]:
    for subject in body.iterfind("./{*}subject"):
        parts = [words(part) for part in children(subject) if name_of(part) not in ("geographicCode", "cartographics")]
        if said := "--".join(part for part in parts if part):
            yield said


def _languages(body: etree._Element) -> Iterator[str]:
    for language in body.iterfind("./{*}language"):
        terms = sorted(language.iterfind("./{*}languageTerm"), key=lambda term: term.get("type") != "code")
        if terms and words(terms[0]):
            yield words(terms[0])


def _classifications(body: etree._Element) -> Iterator[Classification]:
    for mark in body.iterfind("./{*}classification"):
        scheme = (mark.get("authority") or "").lower()
        known = {"lcc": "lcc", "clc": "clc", "ztf": "clc", "ddc": "ddc"}.get(scheme, "other")
        if number := words(mark):
            yield Classification(scheme=known, number=number)


def _series(body: etree._Element) -> Iterator[str]:
    for related in body.iterfind("./{*}relatedItem"):
        if related.get("type") == "series":
            infos = sorted(related.iterfind("./{*}titleInfo"), key=_romanised)
            if infos and _title(infos[0]):
                yield " ; ".join([_title(infos[0]), *texts(infos[0], "partNumber")])


def _holdings(body: etree._Element) -> Iterator[Holding]:
    for location in body.iterfind("./{*}location"):
        place = next(texts(location, "physicalLocation"), "")
        copies = list(location.iterfind("./{*}holdingSimple/{*}copyInformation"))
        for copy in copies:
            yield Holding(
                member="",
                location=next(texts(copy, "subLocation"), place),
                call_number=next(texts(copy, "shelfLocator"), ""),
                barcode=next(texts(copy, "itemIdentifier"), ""),
            )
        if not copies and (shelf := next(texts(location, "shelfLocator"), "")):
            yield Holding(member="", location=place, call_number=shelf)
