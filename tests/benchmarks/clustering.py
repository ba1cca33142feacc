"""How well entries of one manifestation are recognised, and how well others are kept apart.

Every record of a MARC file (with an ISBN, a year and a title) is joined by copies with one kind of cataloguing noise
each (the same manifestation) and by near-duplicates that differ in one point that matters (another manifestation). All
are loaded as if they came from different libraries; every pair that became one item is right or wrong. What the file
itself holds twice is left out. Run: ``python -m tests.benchmarks.clustering FILE.mrc --records 500``
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from itertools import islice
from pathlib import Path

import opencc

from indexer.catalogue import Collection
from indexer.clustering import edition_key
from indexer.load import load_batch
from indexer.normalise import isbn13
from indexer.records import Contributor, Identifier, Record
from indexer.sources.marc import read_iso2709
from indexer.sources.values import Read
from tests.indexer.factories import catalogue

Change = Callable[[Record], Record | None]
_TO_SIMPLIFIED, _TO_TRADITIONAL = opencc.OpenCC("t2s"), opencc.OpenCC("s2t")


def other_script(record: Record) -> Record | None:
    for converter in (_TO_SIMPLIFIED, _TO_TRADITIONAL):
        if (title := converter.convert(record.title)) != record.title:
            return replace(record, title=title, publisher=converter.convert(record.publisher))
    return None


def without_subtitle(record: Record) -> Record | None:
    return replace(record, subtitle="") if record.subtitle else None


def short_publisher(record: Record) -> Record | None:
    short = record.publisher.removesuffix("出版社").removesuffix("印书馆").removesuffix("书局")
    return replace(record, publisher=short) if len(short) > 1 and short != record.publisher else None


def role_in_name(record: Record) -> Record | None:
    if not record.contributors:
        return None
    first = record.contributors[0]
    return replace(record, contributors=(replace(first, name=f"[清] {first.name}著"), *record.contributors[1:]))


def romanised_only(record: Record) -> Record | None:
    names = tuple(Contributor(name=one.alternates[0]) for one in record.contributors if one.alternates)
    if not record.romanised or not names or len(names) != len(record.contributors) or record.subtitle:
        return None
    return replace(record, title=record.romanised[0], contributors=names, publisher="", romanised=(), parts=())


def punctuated(record: Record) -> Record | None:
    return replace(record, title=f"《{record.title}》")


def silent_first_edition(record: Record) -> Record | None:
    return replace(record, edition="") if record.edition and not edition_key(record) else None


SAME: dict[str, Change] = {
    "other script": other_script, "subtitle missing": without_subtitle, "publisher shortened": short_publisher,
    "role and country in the name": role_in_name, "romanised only": romanised_only, "punctuation": punctuated,
    "first edition not told": silent_first_edition,
}  # fmt: skip


def with_own_isbn(record: Record) -> Record | None:
    number = isbn13(f"{int(record.source_id.strip('L')) % 10**9:09d}X") or _numbered(int(record.source_id.strip("L")))
    kept = tuple(one for one in record.identifiers if one.scheme != "isbn")
    return replace(record, identifiers=(*kept, Identifier(scheme="isbn", value=number)))


def _numbered(number: int) -> str:
    digits = f"978{number % 10**9:09d}"
    total = sum(int(digit) * (1, 3)[place % 2] for place, digit in enumerate(digits))
    return digits + str(-total % 10)


OTHER: dict[str, Change] = {
    "first volume": lambda record: replace(record, parts=(*record.parts, "上册")),
    "second volume": lambda record: replace(record, parts=(*record.parts, "下册")),
    "volume in the title": lambda record: replace(record, title=f"{record.title} 第三卷"),
    "another year": lambda record: replace(record, year=(record.year or 0) + 1),
    "another edition": lambda record: replace(record, edition="第9版"),
    "another language": lambda record: replace(record, languages=("eng",)),
    "large print": lambda record: replace(record, metadata={**record.metadata, "form": "large-print"}),
    "electronic": lambda record: replace(record, metadata={**record.metadata, "form": "electronic"}),
    "another book under the ISBN": lambda record: replace(record, title=f"{record.title}研究", romanised=()),
    "another ISBN": with_own_isbn,
}


def originals(path: Path, count: int) -> list[Record]:
    """Records that say enough, each manifestation once."""
    found: dict[str, Record] = {}
    for outcome in read_iso2709(path):
        if isinstance(outcome, Read) and isinstance(outcome.thing, Record):
            record = outcome.thing
            isbns = [one.value for one in record.identifiers if one.scheme == "isbn"]
            if isbns and record.year and record.contributors and not any(isbn in found for isbn in isbns):
                found |= dict.fromkeys(isbns, record)
    unique = {record.source_id: record for record in found.values()}
    return [replace(record, source_id=f"L{number}") for number, record in enumerate(islice(unique.values(), count))]


def measure(path: Path, count: int) -> dict[str, object]:
    entries: list[tuple[str, str, Record]] = []
    for record in originals(path, count):
        entries.append((record.source_id, "original", record))
        for kinds, same in ((SAME, True), (OTHER, False)):
            for kind, change in kinds.items():
                changed = change(record)
                if changed is not None and changed != record:
                    group = record.source_id if same else f"{record.source_id} {kind}"
                    entries.append((group, kind, replace(changed, source_id=f"{record.source_id} {kind}")))
    with tempfile.TemporaryDirectory() as folder:
        books = catalogue(Path(folder))
        into = books.open_collection(Collection(name="books", kind="catalogue", audience="public"))
        for start in range(0, len(entries), 500):
            things = [record for _, _, record in entries[start : start + 500]]
            load_batch(books, things, into=into, member="", run_id=1)
        homes = {record.source_id: books.by_source_id("books", record.source_id) for _, _, record in entries}
    return _figures(entries, {source: item.id for source, item in homes.items() if item is not None})


def _figures(entries: list[tuple[str, str, Record]], homes: dict[str, str]) -> dict[str, object]:
    """Each entry against the original of its group, and against every entry that shares its item."""
    tried, found, wrong = Counter[str](), Counter[str](), Counter[str]()
    inside: dict[str, list[tuple[str, str]]] = {}
    for group, kind, record in entries:
        inside.setdefault(homes[record.source_id], []).append((group, kind))
        if kind in SAME:
            tried[kind] += 1
            found[kind] += homes[record.source_id] == homes[group]
    right = 0
    for together in inside.values():
        for place, (group, kind) in enumerate(together):
            for other, other_kind in together[:place]:
                right += group == other
                wrong[f"{other_kind} + {kind}"] += group != other
    merged = right + sum(wrong.values())
    return {
        "entries": len(entries),
        "recall": round(sum(found.values()) / max(1, sum(tried.values())), 4),
        "precision": round(right / max(1, merged), 4),
        "recall_by_kind": {kind: f"{found[kind]}/{count}" for kind, count in tried.items()},
        "wrong_pairs": dict(wrong.most_common(12)) if sum(wrong.values()) else {},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--records", type=int, default=500)
    chosen = parser.parse_args()
    print(json.dumps(measure(chosen.file, chosen.records), ensure_ascii=False, indent=1))


if __name__ == "__main__":
    main()
