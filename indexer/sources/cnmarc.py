"""CNMARC (UNIMARC as Chinese libraries use it, GB/T 33286-2016; also CMARC of Taiwan) as :class:`Record`.

Pinyin stands in ``$A``/``$9`` and the like (upper-case codes repeat the lower-case one in romanisation): searchable,
never shown. Links (4xx) come in two techniques: whole fields embedded behind ``$1``, or ``$t`` and its like.
"""

from __future__ import annotations

import re
from typing import Any

import pymarc

from indexer.records import Classification, Contributor, Identifier, Record
from indexer.sources.holding_rules import HoldingRules
from indexer.sources.marc_codes import csbns, form, isbns, issns, material, role
from indexer.sources.marc_fields import MarcFields, clean, every, first, has_han, joined, unbracketed, unique, year_of
from indexer.sources.marc_holdings import holdings_of

_CLC = re.compile(r"[A-Z](?:[A-Z])?[0-9][0-9./\-=()\[\]A-Z<>\"+:{}]*|[A-Z]{1,2}", re.IGNORECASE)
_VARIANTS = (
    "500", "501", "503", "510", "512", "513", "514", "515", "516", "517", "518", "520", "530", "531", "532", "540",
    "541", "545", "560",
)  # fmt: skip
_NAMES = ("700", "701", "702", "710", "711", "712", "716", "720", "721", "722", "730")
_SUBJECTS = ("600", "601", "602", "604", "605", "606", "607", "608", "610", "615", "616")
_NOTES = (
    "300", "301", "302", "304", "305", "306", "307", "308", "310", "311", "312", "313", "314", "315", "316", "317",
    "320", "321", "322", "323", "324", "325", "326", "327", "328", "332", "333", "336", "337", "345", "359",
)  # fmt: skip
_FORMS = {"d": "large-print", "e": "newspaper", "f": "braille", "g": "microform", "s": "electronic", "t": "microform"}


def from_cnmarc(record: MarcFields, source_id: str, rules: HoldingRules) -> Record:
    """The record that a CNMARC record describes.

    :raises ValueError: when it has no title.
    """
    if not every(record.data("200"), "a"):
        record.lower_codes()  # a system that writes all codes in capitals
    own, others = _titles(record)
    title = every([own], "a") if own else []
    if not title:
        raise ValueError("没有题名（200$a）")
    imprint = record.data("210") or record.data("214")
    date = first(imprint, "d") or first(imprint, "h")
    links = _links(record)
    return Record(
        source_id=source_id,
        title="；".join(title),
        subtitle="：".join(every([own], "e")),
        parts=unique(every([own], "h", "i")),
        variant_titles=unique([*_variants(record, own, others, title), *links["variant"]]),
        romanised=unique(every([own, *others, *record.data(*_VARIANTS)], "A", "9")),
        contributors=_contributors(record),
        responsibility="；".join(every([own], "f", "g")),
        edition=first(record.data("205"), "a"),
        place=unbracketed(first(imprint, "a")),
        publisher=unbracketed(first(imprint, "c", "g")),
        date=date,
        year=year_of(date, first(record.data("100"), "a")[9:13]),
        extent="，".join(every(record.data("215"), "a", "c", "d", "e")),
        price=next((price for tag in ("010", "091", "011", "016") for price in every(record.data(tag), "d")), ""),
        series=_series(record, links["series"]),
        identifiers=_identifiers(record),
        classifications=_classifications(record),
        subjects=_subjects(record),
        languages=unique(code.lower()[:3] for code in every(record.data("101"), "a")),
        abstract=" ".join(every(record.data("330"), "a")),
        notes=unique(every(record.data(*_NOTES), "a")),
        material=material(record.leader),
        url=first(record.data("856"), "u"),
        holdings=holdings_of(record, "cnmarc", rules),
        metadata=_metadata(record, links["set"]),
    )  # fmt: skip


def _titles(record: MarcFields) -> tuple[pymarc.Field | None, list[pymarc.Field]]:
    """The 200 in Chinese characters, where the record repeats it in another script; and the others."""
    fields = [field for field in record.data("200") if every([field], "a")]
    if len(fields) < 2:
        return (fields[0], []) if fields else (None, [])
    own = next((field for field in fields if has_han("".join(every([field], "a")))), fields[0])
    return own, [field for field in fields if field is not own]


def _variants(record: MarcFields, own: pymarc.Field, others: list[pymarc.Field], title: list[str]) -> list[str]:
    found = [*(title if len(title) > 1 else ()), *(value.lstrip("=＝ ") for value in every([own], "c", "d"))]
    for field in [*others, *record.data(*_VARIANTS)]:
        head = every([field], "a")
        found += [" ".join([*head, *every([field], "h", "i")])] if head else []
        found += every([field], "d")
    return found


def _links(record: MarcFields) -> dict[str, list[str]]:
    """Titles of what the record is linked to: series, the set it is a volume of, and other titles to be found by."""
    found: dict[str, list[str]] = {"series": [], "set": [], "variant": []}
    kinds = {"410": "series", "411": "series", "461": "set", "462": "set"}
    kinds |= dict.fromkeys(("421", "422", "423", "430", "440", "447", "453", "454", "463", "464", "488"), "variant")
    for tag, kind in kinds.items():
        for field in record.data(tag):
            title, volume = _linked_title(field)
            if title:
                found[kind].append(f"{title} ; {volume}" if volume and kind != "variant" else title)
    return found


def _linked_title(field: pymarc.Field) -> tuple[str, str]:
    """Title and volume of a linking field, of either technique (GB/T 33286-2016, 4--)."""
    inside = ""
    title: list[str] = []
    volume = ""
    for subfield in field.subfields:
        value = clean(subfield.value)
        if subfield.code == "1":
            inside = subfield.value[:3]
            if inside == "200" and "a" not in subfield.value[3:5] and len(value) > 5:
                title.append(value[5:].lstrip(" $a"))  # systems that write the embedded field in one piece
        elif (inside == "200" and subfield.code in "ahi") or (not inside and subfield.code in "thi"):
            title.append(value)
        elif subfield.code == "v" and inside in ("", "200"):
            volume = volume or value
    return " ".join(part for part in title if part), volume


def _series(record: MarcFields, linked: list[str]) -> tuple[str, ...]:
    """225 as printed; a 410 that says the same title is not told again."""
    found: dict[str, str] = {}
    for field in record.data("225"):
        name = "．".join(every([field], "a", "i"))
        volume = first([field], "v") or first([field], "h")
        if name:
            found[first([field], "a")] = f"{name} ; {volume}" if volume else name
    for told in linked:
        found.setdefault(told.partition(" ; ")[0], told)
    return unique(found.values())


def _contributors(record: MarcFields) -> tuple[Contributor, ...]:
    found: dict[tuple[str, str | None], Contributor] = {}
    for field in record.data(*_NAMES):
        name = _name(first([field], "a"), every([field], "b"))
        if not name:
            continue
        one = Contributor(name=name, role=role(*every([field], "4")), alternates=unique(every([field], "A", "9")))
        found.setdefault((one.name, one.role), one)
    return tuple(found.values())


def _name(entry: str, rest: list[str]) -> str:
    """``$a`` and ``$b``: surname and given name run together in Chinese, ``Asimov, Isaac`` in Latin letters."""
    bare = [part.lstrip(", ") for part in rest]
    if has_han(entry) or not entry:
        return "".join([entry, *bare])
    return ", ".join([entry, " ".join(bare)]) if any(bare) else entry


def _identifiers(record: MarcFields) -> tuple[Identifier, ...]:
    found = isbns(every(record.data("010"), "a")) + isbns(every(record.data("010"), "z"), valid=False)
    found += issns(every(record.data("011"), "a"))
    found += csbns(every(record.data("091"), "a"))
    return tuple(dict.fromkeys(found))


def _classifications(record: MarcFields) -> tuple[Classification, ...]:
    found = []
    for number in every(record.data("690"), "a"):
        scheme = "clc" if _CLC.fullmatch(number.replace(" ", "")) else "other"
        found.append(Classification(scheme=scheme, number=number))
    for scheme, tags in (("lcc", ("680",)), ("ddc", ("676",)), ("other", ("675", "681", "692", "694"))):
        found += [Classification(scheme=scheme, number=number) for number in every(record.data(*tags), "a")]
    for field in record.data("686"):
        scheme = "clc" if "clc" in "".join(every([field], "2")).lower() else "other"
        found += [Classification(scheme=scheme, number=number) for number in every([field], "a")]
    return tuple(dict.fromkeys(found))


def _subjects(record: MarcFields) -> tuple[str, ...]:
    return unique("--".join(every([field], "a", "b", "t", "x", "y", "z", "j")) for field in record.data(*_SUBJECTS))


def _metadata(record: MarcFields, sets: list[str]) -> dict[str, Any]:
    """What has no field of its own: who catalogued it, the set it belongs to, an unusual form, original languages."""
    edition = "；".join(joined(record.data("205"), "ab", by="，"))
    said = {
        "agency": list(unique(every(record.data("801"), "b"))),
        "set": list(unique(sets)),
        "original_languages": list(unique(code.lower()[:3] for code in every(record.data("101"), "c"))),
        "form": _FORMS.get(first(record.data("106"), "a")[:1], "") or form(*every(record.data("200"), "b"), edition),
        "edition_statement": edition if edition != first(record.data("205"), "a") else "",
    }
    return {name: value for name, value in said.items() if value}
