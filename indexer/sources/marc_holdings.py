"""Holdings out of MARC fields by the rule file (:mod:`indexer.sources.holding_rules`), in all the forms that occur.

Chinese systems repeat whole groups of subfields in one field, write barcodes as lists and ranges, put the items in
another field than the summary, and use upper-case codes; what a field does not say stays empty rather than guessed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

import pymarc

from indexer.normalise import call_number_key
from indexer.records import Holding, HoldingStatus
from indexer.sources.holding_rules import FieldRule, HoldingRules
from indexer.sources.marc_fields import MarcFields, clean

_RANGE = re.compile(r"(\D*(?:\d+[A-Za-z]+)*)(\d+)\s*[-~－—～]\s*(?:\1)?(\d+)")
_LONGEST_WRITTEN = 60
_LONGEST_RANGE = 200
_MANY = 5_000
"""More holdings than that of one record are counted together."""

Group = dict[str, list[str]]


def holdings_of(record: MarcFields, format_: str, rules: HoldingRules) -> tuple[Holding, ...]:
    """Every copy that the record tells of."""
    found: dict[str, list[Holding]] = {}
    summaries: dict[str, list[Holding]] = {}
    for rule in rules.of(format_):
        fields = record.data(rule.tag)
        if fields and (told := [held for field in fields for held in _of_field(field, rule, rules)]):
            summary = summaries.get(rule.refines)
            found[rule.tag] = summaries[rule.tag] = _refined(summary, rule, told) if summary else told
            if summary:
                found[rule.refines] = _left(found[rule.refines], found[rule.tag], rule)
    return tuple(_without_repetition(one for told in found.values() for one in told))[:_MANY]


def _of_field(field: pymarc.Field, rule: FieldRule, rules: HoldingRules) -> Iterator[Holding]:
    before: Group = {}
    for group in _groups(field):
        if any(code not in group for code in rule.requires):
            continue
        number = _call_number(group, rule) or _call_number(before, rule)
        yield from _of_group(group, rule, rules, number)
        before = group


def _of_group(group: Group, rule: FieldRule, rules: HoldingRules, number: str) -> Iterator[Holding]:
    owner = next((code for code in rule.member if code in group), "")
    member = group[owner][0] if owner else ""
    barcodes = [one for code in rule.barcode for raw in group.get(code, []) for one in expand_barcodes(raw)]
    places = _places(group, rule, owner)
    status, copies = _status(group, rule, rules), _copies(group, rule, len(barcodes))
    note = "，".join(value for code in rule.note for value in group.get(code, []))
    for place, barcode in enumerate(barcodes or [""]):
        location = " ".join(rules.place(one) for one in (places[place] if len(places) == len(barcodes) else places[0]))
        yield Holding(
            member=member,
            call_number=number,
            location=f"{location}（{note}）" if note and location else location or note,
            barcode=barcode,
            status=status,
            copies=copies,
            loanable=status not in ("reference", "lost"),
        )


def _places(group: Group, rule: FieldRule, owner: str) -> list[list[str]]:
    """The places of each copy: one list for all, or as many as there are barcodes (``$b1 $c1 $b2 $c2``)."""
    codes = [code for code in rule.location if code != owner or code == "a"]
    values = [group.get(code, []) for code in codes if group.get(code)]
    if values and len(values[-1]) > 1 and len(values[-1]) == len([b for c in rule.barcode for b in group.get(c, [])]):
        return [[*(one[0] for one in values[:-1]), place] for place in values[-1]]
    return [[value for listed in values for value in listed]]


def _status(group: Group, rule: FieldRule, rules: HoldingRules) -> HoldingStatus:
    for code, status in rule.flags.items():
        if any(value.strip() not in ("", "0") for value in group.get(code, [])):
            return status
    for word in group.get(rule.status, []) if rule.status else []:
        if (state := rules.state(word)) is not None:
            return state
    return "available"


def _copies(group: Group, rule: FieldRule, barcodes: int) -> int:
    said = next(iter(group.get(rule.copies, [])), "") if rule.copies and not barcodes else ""
    return int(said) if said.isdigit() and 0 < int(said) < 1_000 else 1


def _groups(field: pymarc.Field) -> Iterator[Group]:
    """Subfields of a field, split where the group begins anew: the code that came first, after other codes.

    Upper-case codes count as lower-case ones where a field has only them (``$A``/``$B`` beside ``$a`` is pinyin).
    """
    own = {subfield.code for subfield in field.subfields}
    group: Group = {}
    first = ""
    for subfield in field.subfields:
        code, value = subfield.code, clean(subfield.value)
        if code.isupper() and code.lower() in own:
            continue
        code = code.lower()
        if code == first and len(group) > 1:
            yield group
            group = {}
        if value:
            first = first or code
            group.setdefault(code, []).append(value)
    if group:
        yield group


def _call_number(group: Group, rule: FieldRule) -> str:
    for code in rule.call_number:
        for value in group.get(code, []):
            if "/" in value or re.match(r"[A-Za-z]", value) or not rule.call_parts:
                return value
    parts = [value for code in rule.call_parts for value in group.get(code, [])[:1]]
    return rule.call_joiner.join(parts)


def _refined(summaries: Sequence[Holding], rule: FieldRule, items: Sequence[Holding]) -> list[Holding]:
    """Items of a second field, with what only the summary says: the library, its place, the call number."""
    told = []
    for item in items:
        key = call_number_key(item.call_number)
        of_number = [one for one in summaries if call_number_key(one.call_number) == key] if key else []
        summary = (of_number or summaries)[0]
        if not rule.member:
            told.append(_under(summary, item))
        elif of_number or len({one.member for one in summaries}) == 1:
            place = item.location or summary.location
            told.append(replace(item, member=summary.member, location=place))
        else:
            told.append(item)
    return told


def _under(summary: Holding, item: Holding) -> Holding:
    """What an 866 or 876 adds to the 852 before it: text or a copy at the same place."""
    if item.barcode:
        number = item.call_number or summary.call_number
        place = item.location or summary.location
        return replace(item, member=summary.member, call_number=number, location=place)
    place = f"{summary.location}（{item.location}）" if summary.location else item.location
    return replace(summary, location=place, barcode=summary.barcode)


def _left(summaries: Sequence[Holding], items: Sequence[Holding], rule: FieldRule) -> list[Holding]:
    """The summaries that no item speaks for."""
    spoken = {(one.member, call_number_key(one.call_number)) for one in items}
    return [
        one
        for one in summaries
        if (one.barcode and rule.member) or (one.member, call_number_key(one.call_number)) not in spoken
    ]


def _without_repetition(holdings: Iterator[Holding]) -> Iterator[Holding]:
    """The same copy told twice is one: same library, barcode, place and call number."""
    seen: set[tuple[str, ...]] = set()
    for one in holdings:
        key = (one.member, one.barcode, one.call_number, one.location if one.barcode else one.location + one.status)
        if not one.barcode or key not in seen:
            yield one
        seen.add(key)


def expand_barcodes(raw: str) -> list[str]:
    """A range of barcodes one by one: ``0010201-10`` are ten of them; at most 200, else as written.

    >>> expand_barcodes("0010201-3"), expand_barcodes("A001;A002")
    (['0010201', '0010202', '0010203'], ['A001', 'A002'])
    """
    whole = _one_range(raw.strip())
    if len(whole) > 1:
        return whole
    return [code for part in re.split(r"[,，、;；\s]+", raw) if part for code in _one_range(part)]


def _one_range(part: str) -> list[str]:
    match = _RANGE.fullmatch(part) if len(part) <= _LONGEST_WRITTEN else None
    if match is None:
        return [part]
    prefix, first, last = match.groups()
    whole = first[: len(first) - len(last)] + last if len(last) < len(first) else last
    count = int(whole) - int(first) + 1
    if not 0 < count <= _LONGEST_RANGE:
        return [part]
    return [f"{prefix}{int(first) + step:0{len(first)}d}" for step in range(count)]
