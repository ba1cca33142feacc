"""MARC21 bibliographic records (https://www.loc.gov/marc/bibliographic/) as :class:`Record`.

Where a field has its original script in a linked 880, that is preferred and the romanised field is kept searchable.
"""

from __future__ import annotations

import re

import pymarc

from indexer.normalise import isbn13, issn, year_in
from indexer.records import Classification, Contributor, Holding, HoldingStatus, Identifier, Record
from indexer.sources.marc_fields import clean, control, data_fields, every, firsts, unbracketed, undotted, unique

_RELATORS = {"author": "aut", "editor": "edt", "translator": "trl", "compiler": "com", "illustrator": "ill"}
_SUBJECT_TAGS = ("600", "610", "611", "630", "650", "651", "653", "655")


class _Script:
    """Pairs of fields: the original script of a tag where there is one, and what was romanised."""

    def __init__(self, record: pymarc.Record) -> None:
        self._record = record
        self._linked: dict[tuple[str, str], pymarc.Field] = {}
        self._by_tag: dict[str, list[pymarc.Field]] = {}
        for field in data_fields(record, "880"):
            match = re.match(r"(\d{3})-(\d{2})", next(iter(field.get_subfields("6")), ""))
            if match:
                self._linked.setdefault((match[1], match[2]), field)
                self._by_tag.setdefault(match[1], []).append(field)

    def fields(self, *tags: str) -> list[pymarc.Field]:
        """The fields of these tags, each replaced by its original script; unlinked 880 of the tag last."""
        found, used = [], set()
        for field in data_fields(self._record, *tags):
            original = self.original(field)
            found.append(original or field)
            used.add(id(original))
        unlinked = [field for tag in tags for field in self._by_tag.get(tag, ()) if id(field) not in used]
        return found + unlinked

    def original(self, field: pymarc.Field) -> pymarc.Field | None:
        match = re.match(r"880-(\d{2})", next(iter(field.get_subfields("6")), ""))
        return self._linked.get((field.tag, match[1])) if match and match[1] != "00" else None

    def romanised(self, *tags: str) -> list[pymarc.Field]:
        """The fields of these tags that have an original script elsewhere."""
        return [field for field in data_fields(self._record, *tags) if self.original(field) is not None]


def from_marc21(record: pymarc.Record, source_id: str) -> Record:
    """The record that a MARC21 record describes.

    :raises ValueError: when it has no title.
    """
    script = _Script(record)
    titles = script.fields("245")
    own = data_fields(record, "245")
    title = (
        firsts(titles, "a")
        or firsts(own, "a")
        or firsts(script.fields("130", "240", "246"), "a")
        or [" ".join(words) for field in own if (words := every([field], "b", "k", "n", "p", "f", "g"))]
    )
    if not title:
        raise ValueError("没有题名（245）")
    imprint = script.fields("264", "260")
    date = next(iter(every(imprint, "c")), "")
    fixed = control(record, "008")
    return Record(
        source_id=source_id,
        title=undotted(unbracketed(title[0]) if title[0].startswith("[") and title[0].endswith("]") else title[0]),
        subtitle=undotted("：".join(every(titles[:1], "b"))),
        parts=unique(undotted(part) for part in every(titles[:1], "n", "p")),
        variant_titles=unique(undotted(value) for value in every(script.fields("246", "740", "130", "240"), "a")),
        romanised=unique(
            " ".join(every([field], "a", "b", "n", "p")) for field in script.romanised("245", "246", "740")
        ),
        contributors=_contributors(script),
        responsibility=undotted(next(iter(every(titles, "c")), "")),
        edition=undotted(next(iter(every(script.fields("250"), "a")), "")),
        place=unbracketed(next(iter(every(imprint, "a")), "")),
        publisher=unbracketed(next(iter(every(imprint, "b")), "")),
        date=undotted(date),
        year=year_in(date) or year_in(fixed[7:11]),
        extent=" ".join(every(data_fields(record, "300"), "a")),
        series=unique(undotted(value) for value in every(script.fields("490", "830", "440"), "a")),
        identifiers=_identifiers(record),
        classifications=_classifications(record),
        subjects=_subjects(script),
        languages=_languages(record, fixed),
        abstract=" ".join(every(script.fields("520"), "a")),
        notes=unique(every(script.fields("500", "505"), "a")),
        material="serial" if record.leader[7:8] in ("s", "i") else "book",
        url=next(iter(every(data_fields(record, "856"), "u")), ""),
        holdings=_holdings(record),
    )


def _contributors(script: _Script) -> tuple[Contributor, ...]:
    tags = ("100", "110", "111", "700", "710", "711")
    romanised: dict[int, str] = {}
    for field in script.romanised(*tags):
        romanised[id(script.original(field))] = undotted(next(iter(firsts([field], "a")), ""))
    found = []
    for field in script.fields(*tags):
        if name := undotted(next(iter(firsts([field], "a")), "")):
            role = next(iter(every([field], "4")), "") or _RELATORS.get(
                undotted(next(iter(every([field], "e")), "")).lower(), ""
            )
            other = romanised.get(id(field), "")
            found.append(Contributor(name=name, role=role or None, alternates=(other,) if other else ()))
    return tuple(dict.fromkeys(found))


def _identifiers(record: pymarc.Record) -> tuple[Identifier, ...]:
    found = []
    for raw in every(data_fields(record, "020"), "a", "z"):
        shown = re.split(r"[\s(（:：]", raw)[0]
        if value := isbn13(shown):
            found.append(Identifier(scheme="isbn", value=value, display=shown))
    for raw in every(data_fields(record, "022"), "a"):
        if value := issn(raw):
            found.append(Identifier(scheme="issn", value=value, display=raw))
    found += [
        Identifier(scheme="lccn", value=raw.replace(" ", ""), display=raw)
        for raw in every(data_fields(record, "010"), "a")
    ]
    for raw in every(data_fields(record, "035"), "a"):
        if match := re.match(r"\(OCoLC\)\D*(\d+)", raw):
            found.append(Identifier(scheme="oclc", value=match[1], display=raw))
    return tuple(dict.fromkeys(found))


def _classifications(record: pymarc.Record) -> tuple[Classification, ...]:
    found = [Classification(scheme="lcc", number=number) for number in firsts(data_fields(record, "050", "090"), "a")]
    found += [Classification(scheme="ddc", number=number) for number in firsts(data_fields(record, "082"), "a")]
    for field in data_fields(record, "084"):
        scheme = "clc" if "clc" in "".join(every([field], "2")).lower() else "other"
        found += [Classification(scheme=scheme, number=number) for number in firsts([field], "a")]
    return tuple(dict.fromkeys(found))


def _subjects(script: _Script) -> tuple[str, ...]:
    found = []
    for field in script.fields(*_SUBJECT_TAGS):
        words = [undotted(value) for value in every([field], "a", "b", "t", "v", "x", "y", "z")]
        if words:
            found.append("--".join(words))
    return unique(found)


def _languages(record: pymarc.Record, fixed: str) -> tuple[str, ...]:
    listed = [
        code for value in every(data_fields(record, "041"), "a") for code in re.findall("[a-z]{3}", value.lower())
    ]
    main = fixed[35:38].strip().lower()
    return unique([main if re.fullmatch("[a-z]{3}", main) else "", *listed])


def _holdings(record: pymarc.Record) -> tuple[Holding, ...]:
    """852 fields as holdings; the member is the code in $a (or $b), which a load may map or replace."""
    found = []
    for field in data_fields(record, "852"):
        number = " ".join(every([field], "k", "h", "i", "m"))
        barcodes = every([field], "p") or [""]
        status: HoldingStatus = "available"
        found += [
            Holding(
                member=next(iter(firsts([field], "a")), ""),
                call_number=number,
                location=" ".join(every([field], "b", "c")),
                barcode=clean(barcode),
                status=status,
            )
            for barcode in barcodes
        ]
    return tuple(found)
