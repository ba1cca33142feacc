"""CNMARC (UNIMARC as Chinese libraries use it, GB/T 33286-2016) as :class:`Record`, with its 905 holdings.

Pinyin stands in ``$A``/``$9`` and the like (upper-case codes repeat the lower-case one in romanisation): searchable,
never shown. Holdings come in many local forms; what a field does not say stays empty rather than guessed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import pymarc

from indexer.normalise import isbn13, issn, year_in
from indexer.records import Classification, Contributor, Holding, Identifier, Record
from indexer.sources.marc_fields import clean, data_fields, every, firsts, unbracketed, unique

_ROLES = (
    ("主编", "edt"), ("编著", "aut"), ("著", "aut"), ("撰", "aut"), ("译", "trl"), ("编", "edt"), ("绘", "ill"),
)  # fmt: skip
_CLC = re.compile(r"[A-Z](?:[A-Z])?[0-9][0-9./\-=()\[\]A-Z<>\"+:]*|[A-Z]{1,2}", re.IGNORECASE)
_RANGE = re.compile(r"(.*?)(\d+)\s*[-~－—]\s*(\d+)")


def from_cnmarc(record: pymarc.Record, source_id: str) -> Record:
    """The record that a CNMARC record describes.

    :raises ValueError: when it has no title.
    """
    titles = data_fields(record, "200")
    title = every(titles[:1], "a")
    if not title:
        raise ValueError("没有题名（200$a）")
    imprint = data_fields(record, "210")
    date = next(iter(every(imprint, "d", "h")), "")
    return Record(
        source_id=source_id,
        title="；".join(title),
        subtitle="：".join(every(titles[:1], "e")),
        parts=unique(every(titles[:1], "h", "i")),
        variant_titles=unique([*title[1:], *every(titles[:1], "d"), *every(_variants(record), "a")]),
        romanised=unique(every([*titles, *_variants(record)], "A", "9")),
        contributors=_contributors(record),
        responsibility="；".join(every(titles[:1], "f", "g")),
        edition=next(iter(every(data_fields(record, "205"), "a")), ""),
        place=unbracketed(next(iter(every(imprint, "a")), "")),
        publisher=unbracketed(next(iter(every(imprint, "c", "g")), "")),
        date=date,
        year=year_in(date) or year_in("".join(every(data_fields(record, "100"), "a"))[9:13]),
        extent="，".join(every(data_fields(record, "215"), "a", "c", "d")),
        price=next((price for tag in ("010", "091", "011") for price in every(data_fields(record, tag), "d")), ""),
        series=unique(every(data_fields(record, "225"), "a")),
        identifiers=_identifiers(record),
        classifications=_classifications(record),
        subjects=_subjects(record),
        languages=unique(code.lower()[:3] for code in every(data_fields(record, "101"), "a")),
        abstract=" ".join(every(data_fields(record, "330"), "a")),
        notes=unique(every(data_fields(record, "300", "304", "305", "307", "312", "314", "320", "327"), "a")),
        material="serial" if record.leader[7:8] == "s" else "book",
        url=next(iter(every(data_fields(record, "856"), "u")), ""),
        holdings=tuple(_holdings(record)),
    )  # fmt: skip


def _variants(record: pymarc.Record) -> list[pymarc.Field]:
    return data_fields(record, "500", "501", "510", "512", "513", "514", "515", "516", "517", "518", "540", "541")


def _contributors(record: pymarc.Record) -> tuple[Contributor, ...]:
    found = []
    for field in data_fields(record, "700", "701", "702", "710", "711", "712"):
        name = "".join([*firsts([field], "a"), *every([field], "b")])
        if name:
            said = next(iter(every([field], "4")), "")
            role = next((code for word, code in _ROLES if word in said), None)
            pinyin = unique(every([field], "A", "9"))
            found.append(Contributor(name=name, role=role, alternates=pinyin))
    return tuple(dict.fromkeys(found))


def _identifiers(record: pymarc.Record) -> tuple[Identifier, ...]:
    found = []
    for raw in every(data_fields(record, "010"), "a", "z"):
        shown = re.split(r"[\s(（]", raw)[0]
        if value := isbn13(shown):
            found.append(Identifier(scheme="isbn", value=value, display=shown))
    for raw in every(data_fields(record, "011"), "a"):
        if value := issn(raw):
            found.append(Identifier(scheme="issn", value=value, display=raw))
    for raw in every(data_fields(record, "091"), "a"):
        found.append(Identifier(scheme="csbn", value=re.sub(r"\s", "", raw), display=raw))
    return tuple(dict.fromkeys(found))


def _classifications(record: pymarc.Record) -> tuple[Classification, ...]:
    found = []
    for number in every(data_fields(record, "690"), "a"):
        scheme = "clc" if _CLC.fullmatch(number.replace(" ", "")) else "other"
        found.append(Classification(scheme=scheme, number=number))
    found += [Classification(scheme="other", number=number) for number in every(data_fields(record, "692"), "a")]
    found += [Classification(scheme="lcc", number=number) for number in every(data_fields(record, "680"), "a")]
    found += [Classification(scheme="ddc", number=number) for number in every(data_fields(record, "676"), "a")]
    return tuple(dict.fromkeys(found))


def _subjects(record: pymarc.Record) -> tuple[str, ...]:
    fields = data_fields(record, "600", "601", "602", "604", "605", "606", "607", "610")
    return unique("--".join(every([field], "a", "x", "y", "z", "j")) for field in fields)


def _holdings(record: pymarc.Record) -> Iterator[Holding]:
    """905, one holding a barcode: ``$a`` library or place, ``$b`` barcodes, ``$d`` class mark, ``$e`` book number."""
    for field in data_fields(record, "905"):
        for group in _groups(field):
            number = _call_number(group)
            place = next(iter(group.get("a", [])), "")
            location = " ".join([place, *group.get("c", [])]).strip()
            barcodes = [code for raw in group.get("b", []) for code in expand_barcodes(raw)]
            for barcode in barcodes or [""]:
                yield Holding(member=place, call_number=number, location=location, barcode=barcode)


def _groups(field: pymarc.Field) -> Iterator[dict[str, list[str]]]:
    """Subfields of a field, split where a whole group begins anew (another ``$a`` after other codes)."""
    group: dict[str, list[str]] = {}
    for subfield in field.subfields:
        code, value = subfield.code.lower(), clean(subfield.value)
        if code == "a" and "a" in group and ("d" in group or "b" in group):
            yield group
            group = {}
        if value:
            group.setdefault(code, []).append(value)
    if group:
        yield group


def _call_number(group: dict[str, list[str]]) -> str:
    for code in ("s", "f"):
        if whole := next((value for value in group.get(code, []) if "/" in value or re.match(r"[A-Z]", value)), ""):
            return whole
    return "/".join(value for code in ("d", "e") for value in group.get(code, [])[:1])


def expand_barcodes(raw: str) -> list[str]:
    """A range of barcodes one by one: ``0010201-10`` are ten of them; at most 200, else as written.

    >>> expand_barcodes("0010201-3")
    ['0010201', '0010202', '0010203']
    """
    match = _RANGE.fullmatch(raw)
    if match is None:
        return [part for part in re.split(r"[,，;；\s]+", raw) if part]
    prefix, first, last = match.groups()
    whole = first[: len(first) - len(last)] + last if len(last) < len(first) else last
    count = int(whole) - int(first) + 1
    if not 0 < count <= 200:
        return [raw]
    return [f"{prefix}{int(first) + step:0{len(first)}d}" for step in range(count)]
