"""Staff decisions about identity: these entries are one item, that entry is one of its own. They survive every load,
because a load asks for them before it computes a key (:mod:`indexer.load`)."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from indexer.catalogue import Catalogue, Collection
from indexer.entries import decode
from indexer.grouping import JOINED, cluster_key
from indexer.load import rebuild

EntryKey = tuple[str, str]
"""Member and source id of an entry."""


def join(
    catalogue: Catalogue, into: Collection, keys: Sequence[EntryKey], *, reason: str, staff: str, now: float
) -> str:
    """Make one item of the entries ``keys``; it keeps the first one's id, which is returned.

    :raises LookupError: when one of them is not in the collection.
    """
    return _group(catalogue, into, keys, reason=reason, staff=staff, now=now, fresh=False)


def split(catalogue: Catalogue, into: Collection, key: EntryKey, *, reason: str, staff: str, now: float) -> str:
    """Make an item of its own of one entry; returns its new id.

    :raises LookupError: when it is not in the collection.
    """
    return _group(catalogue, into, [key], reason=reason, staff=staff, now=now, fresh=True)


def _group(
    catalogue: Catalogue,
    into: Collection,
    keys: Sequence[EntryKey],
    *,
    reason: str,
    staff: str,
    now: float,
    fresh: bool,
) -> str:
    named = "\0".join(f"{member}\0{source_id}" for member, source_id in keys)
    digest = hashlib.blake2b(f"staff\0{into.name}\0{named}\0{now}".encode(), digest_size=20).hexdigest()
    mark = digest if fresh else f"{JOINED}{digest}"
    with catalogue.begin() as batch:
        before = batch.decide(into.name, keys, mark, reason=reason, staff=staff, now=now)
        if len(before) < len(keys):
            raise LookupError("the collection has no such entry")
        item_id = digest[:20] if fresh else before[0][0]
        natural = [] if fresh else [_natural(key[0], payload) for key, (_, payload) in zip(keys, before, strict=True)]
        batch.move(into.name, keys, cluster_key=mark, item_id=item_id, meeting_keys=natural)
        rebuild(batch, list(dict.fromkeys([item_id, *(one[0] for one in before)])), into=into)
    return item_id


def _natural(member: str, payload: str) -> str:
    """The key that the entry would have without the decision: by it other members' entries still find the item."""
    return cluster_key(decode(payload), member)
