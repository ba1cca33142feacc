"""MARC21 bibliographic records (https://www.loc.gov/marc/bibliographic/) as :class:`Record`.

Where a field has its original script in a linked 880, that is preferred and the romanised field is kept searchable.
"""

from __future__ import annotations

import re
from typing import Any

import pymarc

from indexer.records import Classification, Contributor, Identifier, Record
from indexer.sources.holding_rules import HoldingRules
from indexer.sources.marc_codes import csbns, form, isbns, issns, material, role
from indexer.sources.marc_fields import (
    MarcFields,
    clean,
    every,
    first,
    firsts,
    has_han,
    joined,
    unbracketed,
    undotted,
    unique,
    year_of,
)
from indexer.sources.marc_holdings import holdings_of

_NAMES = ("100", "110", "111", "700", "710", "711", "720")
_VARIANTS = ("246", "247", "130", "240", "242", "730", "740", "210", "222")
_SUBJECT_TAGS = ("600", "610", "611", "630", "647", "648", "650", "651", "653", "654", "655")
_NOTES = (
    "500",
    "501",
    "502",
    "505",
    "504",
    "511",
    "518",
    "521",
    "525",
    "530",
    "533",
    "538",
    "545",
    "546",
    "580",
    "586",
)
_FORMS = {"d": "large-print", "f": "braille", "a": "microform", "b": "microform", "c": "microform",
          "o": "electronic", "q": "electronic", "s": "electronic"}  # fmt: skip
_DESIGNATION = re.compile(
    r"\s*\[(electronic resource|computer file|microform|sound recording|videorecording|large print|braille|"
    r"cartographic material|text \(large print\)|manuscript|music|graphic|电子资源|缩微品|录音资料|录像资料)\]$",
    re.IGNORECASE,
)
"""A general material designation that stands in the title itself."""
_LINK = re.compile(r"(\d{3})-(\d{2})")


class _Script:
    """Pairs of fields: the original script of a tag where there is one, and what was romanised.

    An 880 whose link leads nowhere (``880-00``, a wrong number, no ``$6`` on the other side) belongs to the first field
    of its tag that has no original script yet; where there is none left, it stands for itself.
    """

    def __init__(self, record: MarcFields) -> None:
        self._record = record
        self._original: dict[int, pymarc.Field] = {}
        self._alone: dict[str, list[pymarc.Field]] = {}
        loose: list[tuple[str, pymarc.Field]] = []
        linked = {}
        for field in record.data("880"):
            match = _LINK.match(first([field], "6"))
            if match and match[2] != "00" and (match[1], match[2]) not in linked:
                linked[match[1], match[2]] = field
            elif match:
                loose.append((match[1], field))
        if linked or loose:
            self._pair(linked, loose)

    def _pair(self, linked: dict[tuple[str, str], pymarc.Field], loose: list[tuple[str, pymarc.Field]]) -> None:
        for tag in {tag for tag, _ in linked}:
            for field in self._record.data(tag):
                number = _LINK.match(first([field], "6"))
                if number and (original := linked.pop((tag, number[2]), None)) is not None:
                    self._original[id(field)] = original
        for tag, original in [*((tag, field) for (tag, _), field in linked.items()), *loose]:
            waiting = [
                field
                for field in self._record.data(tag)
                if id(field) not in self._original and not has_han("".join(every([field], "a")))
            ]
            if len(waiting) == 1 or (waiting and tag in ("245", "250", "260")):
                self._original[id(waiting[0])] = original
            else:
                self._alone.setdefault(tag, []).append(original)

    def fields(self, *tags: str) -> list[pymarc.Field]:
        """The fields of these tags, each replaced by its original script; unlinked 880 of the tags last."""
        own = self._record.data(*tags)
        if not self._original and not self._alone:
            return own
        found = [self._original.get(id(field), field) for field in own]
        return found + [field for tag in tags for field in self._alone.get(tag, ())]

    def original(self, field: pymarc.Field) -> pymarc.Field | None:
        return self._original.get(id(field))

    def romanised(self, *tags: str) -> list[pymarc.Field]:
        """The fields of these tags that have an original script elsewhere."""
        if not self._original:
            return []
        return [field for field in self._record.data(*tags) if id(field) in self._original]


def from_marc21(record: MarcFields, source_id: str, rules: HoldingRules) -> Record:
    """The record that a MARC21 record describes.

    :raises ValueError: when it has no title.
    """
    script = _Script(record)
    titles = script.fields("245")
    title = _title(record, script, titles)
    subtitle, parallel = _subtitle(titles[:1])
    imprint = _imprint(script)
    date = undotted(first(imprint, "c") or first(script.fields("264", "260"), "c"))
    fixed = record.control("008")
    return Record(
        source_id=source_id,
        title=title,
        subtitle=subtitle,
        parts=unique(undotted(part) for part in every(titles[:1], "n", "p")),
        variant_titles=unique([*parallel, *_variants(record, script, titles)]),
        romanised=unique(
            " ".join(every([field], "a", "b", "n", "p")) for field in script.romanised("245", "246", "740")
        ),
        contributors=_contributors(script),
        responsibility=undotted(first(titles, "c")),
        edition=undotted(" ".join(every(script.fields("250")[:1], "a", "b"))),
        place=unbracketed(undotted(unbracketed(first(imprint, "a")))),
        publisher=unbracketed(undotted(unbracketed(first(imprint, "b")))),
        date=date,
        year=year_of(date, fixed[7:11]),
        extent=" ".join(every(record.data("300"), "a")),
        price=first(record.data("020"), "c"),
        series=_series(script),
        identifiers=_identifiers(record),
        classifications=_classifications(record),
        subjects=_subjects(script),
        languages=_languages(record, fixed),
        abstract=" ".join(joined(script.fields("520"), "ab")),
        notes=unique(joined(script.fields(*_NOTES), "atrg")),
        material=material(record.leader),
        url=_url(record),
        holdings=holdings_of(record, "marc21", rules),
        metadata=_metadata(record, fixed),
    )


def _title(record: MarcFields, script: _Script, titles: list[pymarc.Field]) -> str:
    own = record.data("245")
    found = (
        firsts(titles, "a")
        or firsts(own, "a")
        or joined(own, "bknpfgst")
        or joined(own, "".join({subfield.code for field in own for subfield in field.subfields} - {"6", "h", "c"}))
        or firsts(script.fields("130", "240", "246", "222"), "a")
    )
    if not found:
        raise ValueError("没有题名（245）")
    title = _DESIGNATION.sub("", found[0]) or found[0]
    return undotted(unbracketed(title) if title.startswith("[") and title.endswith("]") else title)


def _subtitle(titles: list[pymarc.Field]) -> tuple[str, list[str]]:
    """What follows the title proper: other title information, and parallel titles, told by the ``=`` before them."""
    said: list[str] = []
    parallel: list[str] = []
    before = ""
    for field in titles:
        for subfield in field.subfields:
            if subfield.code == "b":
                first_part, *others = re.split(r"\s[=＝]\s", subfield.value)
                (parallel if before.rstrip().endswith(("=", "＝")) else said).append(undotted(clean(first_part)))
                parallel += [undotted(clean(part)) for part in others]
            if subfield.code in "abnph":
                before = subfield.value
    return "：".join(part for part in said if part), [part for part in parallel if part]


def _variants(record: MarcFields, script: _Script, titles: list[pymarc.Field]) -> list[str]:
    found = [undotted(" ".join([*every([f], "a"), *every([f], "n", "p")])) for f in script.fields(*_VARIANTS)]
    found += [undotted(title) for title in firsts(titles[1:], "a")]
    found += [undotted(title) for title in every(script.fields("700", "710", "711", "505"), "t")]
    found += [undotted(title) for title in every(record.data("765", "767", "780", "785"), "t")]
    return found


def _imprint(script: _Script) -> list[pymarc.Field]:
    """Publication (264 with second indicator 1) before 260, before production, distribution and manufacture; dates of
    copyright (4) last."""
    fields = script.fields("264")
    if not fields:
        return script.fields("260")
    ranks = {"1": 0, " ": 1, "0": 3, "2": 4, "3": 5, "4": 6}
    ordered = sorted(fields, key=lambda field: ranks.get(field.indicators[1] if field.indicators else " ", 1))
    if ordered[0].indicators and ordered[0].indicators[1] in "1 ":
        return [ordered[0], *(field for field in ordered[1:] if field.indicators and field.indicators[1] in "14")]
    return [*script.fields("260"), *ordered]


def _contributors(script: _Script) -> tuple[Contributor, ...]:
    romanised = {id(script.original(field)): field for field in script.romanised(*_NAMES)}
    found: dict[tuple[str, str | None], Contributor] = {}
    for field in script.fields(*_NAMES):
        name = undotted(first([field], "a"))
        if not name:
            continue
        other = romanised.get(id(field))
        pair = [field, other] if other is not None else [field]
        if units := every([field], "b") if pair[-1].tag in ("110", "710") else []:
            name = ("" if has_han(name) else ". ").join([name, *(undotted(unit) for unit in units)])
        said = role(*every(pair, "4"), *(undotted(word) for word in every(pair, "e")))
        alternates = tuple(undotted(value) for value in every(pair[1:], "a")[:1])
        found.setdefault((name, said), Contributor(name=name, role=said, alternates=alternates))
    return tuple(found.values())


def _series(script: _Script) -> tuple[str, ...]:
    """490 and 440 as printed; a traced 830 that says the same title is not told again."""
    found: dict[str, str] = {}
    for field in script.fields("490", "440", "830"):
        name = undotted(first([field], "a", "t"))
        if name and name not in found:
            volume = undotted(first([field], "v"))
            whole = " ".join([name, *(undotted(part) for part in every([field], "n", "p"))])
            found[name] = f"{whole} ; {volume}" if volume else whole
    return unique(found.values())


def _identifiers(record: MarcFields) -> tuple[Identifier, ...]:
    found = isbns(every(record.data("020"), "a")) + isbns(every(record.data("020"), "z"), valid=False)
    found += issns(every(record.data("022"), "a", "l"))
    for field in record.data("024"):
        source = first([field], "2").lower()
        if source in ("csbn", "统一书号"):
            found += csbns(every([field], "a"))
        elif source == "doi":
            found += [Identifier(scheme="doi", value=raw.lower(), display=raw) for raw in every([field], "a")]
        elif field.indicators and field.indicators[0] == "3":
            found += [one for one in isbns(every([field], "a")) if one.scheme == "isbn"]
    for raw in every(record.data("010"), "a"):
        found.append(Identifier(scheme="lccn", value=raw.replace(" ", ""), display=raw))
    for raw in every(record.data("035"), "a"):
        if match := re.match(r"\(OCoLC\)\D*(\d+)", raw):
            found.append(Identifier(scheme="oclc", value=match[1], display=raw))
    return tuple(dict.fromkeys(found))


def _classifications(record: MarcFields) -> tuple[Classification, ...]:
    found = []
    for scheme, tags in (
        ("lcc", ("050", "090")),
        ("clc", ("093",)),
        ("ddc", ("082", "083")),
        ("other", ("080", "094")),
    ):
        found += [Classification(scheme=scheme, number=number) for number in firsts(record.data(*tags), "a")]
    for field in record.data("084"):
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


def _languages(record: MarcFields, fixed: str) -> tuple[str, ...]:
    listed = [code for value in every(record.data("041"), "a") for code in re.findall("[a-z]{3}", value.lower())]
    main = fixed[35:38].strip().lower()
    return unique([main if re.fullmatch("[a-z]{3}", main) else "", *listed])


def _url(record: MarcFields) -> str:
    """The resource itself (second indicator 0 or 1) before what merely goes with it."""
    fields = record.data("856")
    own = [field for field in fields if field.indicators and field.indicators[1] in "01"]
    return first(own, "u") or first(fields, "u")


def _uniform(record: MarcFields) -> str:
    """The uniform title of 240, by which translations and editions are one work; not a collective one (Works)."""
    title = undotted(first(record.data("240"), "a"))
    collective = re.match(r"(works|selections|short stories|poems|plays|essays|novels|speeches|laws)\b", title.lower())
    return "" if collective else title


def _metadata(record: MarcFields, fixed: str) -> dict[str, Any]:
    """What has no field of its own: who catalogued it, an unusual form, the original language."""
    coded = _FORMS.get(fixed[23:24], "") if record.leader[6:7] in "at " else ""
    said = {
        "agency": list(unique(every(record.data("040"), "a", "c", "d"))),
        "form": coded or form(*every(record.data("245"), "h"), first(record.data("250"), "a")),
        "uniform_title": _uniform(record),
        "original_languages": list(unique(every(record.data("041"), "h"))),
    }
    return {name: value for name, value in said.items() if value}
