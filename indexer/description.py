"""An entry as readers and citations see it: the stored text of a record, in labelled Chinese, and the merged item."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeVar

from indexer.clustering import identify, work_key
from indexer.records import Block, Document, Holding, Record, StoredItem

_T = TypeVar("_T")

_ROLES = {"aut": "著", "edt": "编", "trl": "译", "com": "编", "ill": "绘"}


def describe(record: Record) -> str:
    """The stored text of a record: what a reader would want read aloud, one statement a sentence."""
    statements = [
        ("题名", _full_title(record)),
        (
            "责任者",
            record.responsibility or "；".join(c.name + _ROLES.get(c.role or "", "") for c in record.contributors),
        ),
        ("版本", record.edition),
        ("出版", "，".join(part for part in (_place_publisher(record), record.date or str(record.year or "")) if part)),
        ("丛书", "；".join(record.series)),
        ("主题", "；".join(record.subjects[:8])),
        ("摘要", record.abstract),
        ("附注", "；".join(note.rstrip("。；. ") for note in record.notes[:3])),
        ("ISBN", "；".join(i.display or i.value for i in record.identifiers if i.scheme == "isbn")),
        ("分类号", "；".join(dict.fromkeys(c.number for c in record.classifications))),
    ]
    return "\n".join(f"{label}：{_ended(value)}" for label, value in statements if value)


def passage_blocks(text: str) -> tuple[Block, ...]:
    """The stretches of a record's text that become passages: who, what and where in one, content and notes in another.

    Numbers (ISBN, class marks) are known-item keys of their own and would only blur the vectors.
    """
    ends = {"main": 0, "content": 0, "": 0}
    part, place = "main", 0
    for line in text.splitlines(keepends=True):
        part = _PARTS.get(line.partition("：")[0], part)
        place += len(line)
        ends[part] = place
    content = (Block(start=ends["main"], end=ends["content"]),) if ends["content"] > ends["main"] else ()
    return (Block(start=0, end=ends["main"]), *content)


_PARTS = {
    "题名": "main", "责任者": "main", "版本": "main", "出版": "main", "丛书": "main", "主题": "main",
    "摘要": "content", "附注": "content", "ISBN": "", "分类号": "",
}  # fmt: skip


def _ended(value: str) -> str:
    stripped = value.strip()
    return stripped if stripped.endswith(("。", "！", "？", ".", "!", "?")) else stripped + "。"


def _full_title(record: Record) -> str:
    return "".join(
        (
            record.title,
            f"：{record.subtitle}" if record.subtitle else "",
            *(f"．{part}" for part in record.parts),
        )
    )


def _place_publisher(record: Record) -> str:
    return "：".join(part for part in (record.place, record.publisher) if part)


def record_item(
    item_id: str, collection: str, audience: str, records: Sequence[Record], holdings: Sequence[Holding]
) -> StoredItem:
    """One item of all entries that describe a manifestation: the fullest describes it, all give their holdings."""
    texts = [describe(record) for record in records]
    place = max(range(len(records)), key=lambda number: (len(texts[number]), records[number].source_id))
    best, text = records[place], texts[place]
    work = work_key(best)
    return StoredItem(
        id=item_id,
        source_id=records[0].source_id,
        collection=collection,
        audience=audience,
        kind="catalogue",
        title=_full_title(best),
        text=text,
        revision=0,
        creators=_unique(contributor.name for contributor in best.contributors),
        publisher=best.publisher,
        year=best.year,
        date=best.date,
        url=best.url,
        language=best.languages[0] if best.languages else "",
        identifiers=_unique(identifier for record in records for identifier in record.identifiers),
        classifications=_unique(c for record in records for c in record.classifications),
        subjects=_unique(subject for record in records for subject in record.subjects),
        series=best.series,
        title_variants=_unique((best.title, *(v for record in records for v in record.variant_titles))),
        romanised=_unique(
            form for r in records for form in (*r.romanised, *(a for c in r.contributors for a in c.alternates))
        ),
        abstract=best.abstract,
        work_id=identify(f"{collection}\0work", work) if work else None,
        holdings=tuple(holdings),
        metadata={
            **best.metadata,
            "place": best.place, "edition": best.edition, "extent": best.extent, "price": best.price,
            "responsibility": best.responsibility, "material": best.material, "languages": list(best.languages),
        },
    )  # fmt: skip


def document_item(item_id: str, collection: str, audience: str, document: Document) -> StoredItem:
    """The item of a document."""
    year = document.date[:4]
    return StoredItem(
        id=item_id,
        source_id=document.source_id,
        collection=collection,
        audience=audience,
        kind=document.kind,
        title=document.title,
        text=document.text,
        revision=0,
        creators=_texts(document.metadata.get("creators") or document.metadata.get("authors")),
        publisher=str(document.metadata.get("publisher") or ""),
        year=int(year) if year.isdigit() and len(year) == 4 else None,
        date=document.date,
        url=document.url,
        language=document.language,
        identifiers=document.identifiers,
        subjects=_texts(document.metadata.get("keywords") or document.metadata.get("subjects")),
        metadata=document.metadata,
    )


def _texts(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        return (value,) if value else ()
    return tuple(str(part) for part in value) if isinstance(value, list | tuple) else ()


def _unique(values: Iterable[_T]) -> tuple[_T, ...]:
    return tuple(dict.fromkeys(value for value in values if value))
