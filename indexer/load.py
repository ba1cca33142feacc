"""One batch of what a source said, brought into the catalogue: entries compared, items rebuilt, all in one transaction.

Which item an entry belongs to is found in :mod:`indexer.grouping`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from indexer.catalogue import Catalogue, CatalogueBatch, Collection, ItemRow
from indexer.clustering import merge_reason
from indexer.description import document_item, passage_blocks, record_item
from indexer.entries import decode, digest, encode, storable
from indexer.grouping import Grouping
from indexer.passages import LONGEST, split_passages
from indexer.records import Block, Document, Holding, Passage, Record, StoredItem

TRADITION = "3"
"""Part of every digest: raise it when stored texts or passages would come out differently from the same entry,
or when a source would read the same bytes otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchCounts:
    """What one batch did. ``changed`` and the others count entries, ``merged`` items that gained another entry."""

    added: int = 0
    changed: int = 0
    unchanged: int = 0
    withdrawn: int = 0
    merged: int = 0

    def __add__(self, other: BatchCounts) -> BatchCounts:
        return BatchCounts(
            added=self.added + other.added,
            changed=self.changed + other.changed,
            unchanged=self.unchanged + other.unchanged,
            withdrawn=self.withdrawn + other.withdrawn,
            merged=self.merged + other.merged,
        )


def load_batch(
    catalogue: Catalogue,
    things: Sequence[Record | Document],
    *,
    into: Collection,
    member: str,
    run_id: int,
    raw_digests: Mapping[str, str] | None = None,
) -> BatchCounts:
    """Store ``things`` (source ids differ) as what ``member`` says in the collection ``into``. ``raw_digests`` name the
    bytes they were read from, by source id."""
    coded = {storable(thing.source_id): (thing, payload := encode(thing), _digest(payload, into)) for thing in things}
    with catalogue.begin() as batch:
        known = batch.known(into.name, member, list(coded))
        same = [key for key, (_, _, mark) in coded.items() if key in known and known[key][0] == mark]
        batch.seen(into.name, member, same, run_id)
        kept = set(same)
        new = {key: value for key, value in coded.items() if key not in kept}
        entries = Grouping(batch, into.name, member).resolve(new, known, raw_digests or {})
        batch.put(entries, run_id, known=known)
        before = {known[key][1] for key in new if key in known}
        touched = list(dict.fromkeys([*(entry.item_id for entry in entries), *sorted(before)]))
        fresh = {payload: thing for thing, payload, _ in new.values() if "\ufffd" not in payload}
        merged, withdrawn = rebuild(batch, touched, into=into, fresh=fresh)
    changed = sum(key in known for key in new)
    return BatchCounts(
        added=len(new) - changed,
        changed=changed,
        unchanged=len(same),
        withdrawn=withdrawn,
        merged=merged,
    )


def _digest(payload: str, into: Collection) -> str:
    return digest(f"{TRADITION}\0{into.audience}\0{payload}")


def rebuild(
    batch: CatalogueBatch,
    item_ids: Sequence[str],
    *,
    into: Collection,
    fresh: Mapping[str, Record | Document] | None = None,
) -> tuple[int, int]:
    """Write the items again whose entries changed; withdraw those left without. Returns (merged, withdrawn).

    ``fresh``: things by the payload that was just made of them, which then need not be read back.
    """
    entries, before = batch.entries_of(item_ids), batch.digests(item_ids)
    rows, gone, merged = [], [], 0
    for item_id in item_ids:
        said = entries[item_id]
        if not said:
            gone.append(item_id)
            continue
        mark = digest("\0".join(f"{member}\0{payload}" for member, payload in said) + TRADITION + into.audience)
        if before.get(item_id) == (mark, False):
            continue
        merged += len(said) > 1
        rows.append(_item_row(item_id, said, mark, into, fresh or {}))
    batch.store(rows)
    return merged, batch.withdraw(gone)


def _item_row(
    item_id: str,
    said: Sequence[tuple[str, str]],
    mark: str,
    into: Collection,
    fresh: Mapping[str, Record | Document],
) -> ItemRow:
    things = [(member, fresh.get(payload) or decode(payload)) for member, payload in said]
    records = [thing for _, thing in things if isinstance(thing, Record)]
    blocks: tuple[Block, ...] = ()
    if records:
        item = record_item(item_id, into.name, into.audience, records, _holdings(things))
        reason = merge_reason(records)
    else:
        document = next(thing for _, thing in things if isinstance(thing, Document))
        item, reason = document_item(item_id, into.name, into.audience, document), ""
        blocks = document.blocks
    return ItemRow(
        item=item,
        passages=_passages(item, blocks),
        digest=mark,
        merge_reason=reason,
    )


def _passages(item: StoredItem, blocks: Sequence[Block]) -> tuple[Passage, ...]:
    """Of a document its blocks, each with the title as context; of a record few, because each costs an embedding."""
    if item.kind == "catalogue" and not blocks:
        return split_passages(item.id, item.text, blocks=passage_blocks(item.text), target=LONGEST)
    return split_passages(item.id, item.text, blocks=blocks, context=item.title)


def _holdings(things: Sequence[tuple[str, Record | Document]]) -> tuple[Holding, ...]:
    """Every member's copies: those that differ in the barcode only are counted together, and "the member has it
    somewhere" goes when it also says where."""
    counted: dict[tuple[str, ...], Holding] = {}
    barcodes: set[tuple[str, ...]] = set()
    for _, thing in things:
        for holding in thing.holdings if isinstance(thing, Record) else ():
            key = (holding.member, holding.call_number, holding.location, holding.status)
            known = counted.get(key)
            if known is None:
                counted[key] = holding
            elif not holding.barcode or (*key, holding.barcode) not in barcodes:
                counted[key] = replace(known, copies=known.copies + holding.copies)
            barcodes.add((*key, holding.barcode))
    told = {one.member for one in counted.values() if one.status != "unknown"}
    return tuple(one for one in counted.values() if one.status != "unknown" or one.member not in told)
