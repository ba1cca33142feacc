"""Which item a new or changed entry belongs to: one that describes the same manifestation, its own, or a new one.

Entries meet by the key of their description or by an ISBN and are then compared (:mod:`indexer.clustering`). An entry
keeps its item while it says the same manifestation or stands alone in it; so an item's id outlives corrections of its
title. Staff decisions (:mod:`indexer.decisions`) replace an entry's key and thus survive every load.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

from indexer.catalogue import CatalogueBatch, Entry
from indexer.clustering import agreement, contradiction, meeting_keys, record_key
from indexer.entries import decode
from indexer.records import Document, Record

JOINED = "j:"
"""How the key of a staff decision begins that joins entries; others may still be found equal to those."""

Coded = Mapping[str, tuple[Record | Document, str, str]]
"""By source id: the thing, its payload and its digest."""


class Grouping:
    """Finds the items of one batch of entries of a member in a collection."""

    def __init__(self, batch: CatalogueBatch, collection: str, member: str) -> None:
        self._batch = batch
        self._collection = collection
        self._member = member
        self._homes: dict[str, list[str]] = {}
        self._homes_of: dict[str, list[str]] = {}
        self._taken: set[str] = set()
        self._joined: set[tuple[str, str]] = set()
        self._said: dict[str, dict[tuple[str, str], Record]] = {}

    def resolve(self, new: Coded, known: Mapping[str, tuple[str, str]], raw_digests: Mapping[str, str]) -> list[Entry]:
        """The entries of ``new``, each with its item. ``known``: digest and item id of those that exist;
        ``raw_digests``: the bytes they were read from."""
        decided = self._batch.decided(self._collection, self._member, list(new))
        keys = {source: cluster_key(thing, self._member) for source, (thing, _, _) in new.items()}
        meetings = {source: _meetings(thing) for source, (thing, _, _) in new.items()}
        wanted = {*keys.values(), *decided.values(), *(key for found in meetings.values() for key in found)}
        self._homes = self._batch.items_by_key(self._collection, list(wanted))
        self._read(sorted({home for homes in self._homes.values() for home in homes}))
        alone = self._batch.alone([known[source][1] for source in new if source in known])
        self._taken = self._batch.taken([self._place_id(source) for source in new])
        entries = []
        for source, (thing, payload, mark) in new.items():
            before = known[source][1] if source in known else ""
            key, meeting = keys[source], meetings[source]
            if source in decided:
                natural, key = key, decided[source]
                meeting = (natural,) if key.startswith(JOINED) else ()
                homes = self._homes.get(key, [])
                item_id = homes[0] if homes else ""
            else:
                item_id = self._home(thing, source, key, meeting, before)
            if not item_id:
                item_id = before if before in alone else self._free_id(source, key)
            self._remember(item_id, source, thing, (key, *meeting))
            entries.append(
                Entry(
                    collection=self._collection, member=self._member, source_id=source, digest=mark, item_id=item_id,
                    cluster_key=key, payload=payload, meeting_key=meeting[0] if meeting else "",
                    raw_digest=raw_digests.get(source, ""),
                )
            )  # fmt: skip
        return entries

    def _read(self, item_ids: Sequence[str]) -> None:
        """What the items that were met already say."""
        for item_id, said in self._batch.entries_in(item_ids).items() if item_ids else ():
            here = self._said.setdefault(item_id, {})
            for member, source, key, payload in said:
                thing = decode(payload)
                if isinstance(thing, Record):
                    here[member, source] = thing
                    if key.startswith(JOINED):
                        self._joined.add((member, source))
                    if member == self._member:
                        self._homes_of.setdefault(source, []).append(item_id)

    def _remember(self, item_id: str, source: str, thing: Record | Document, keys: Sequence[str]) -> None:
        for home in self._homes_of.pop(source, ()):
            self._said[home].pop((self._member, source), None)
        if isinstance(thing, Record):
            self._said.setdefault(item_id, {})[self._member, source] = thing
        for key in keys:
            homes = self._homes.setdefault(key, [])
            if item_id not in homes:
                homes.append(item_id)

    def _home(self, thing: Record | Document, source: str, key: str, meeting: Sequence[str], before: str) -> str:
        """The item of the same manifestation, the entry's present one before others; empty when there is none."""
        candidates = dict.fromkeys(home for one in (key, *meeting) for home in self._homes.get(one, ()))
        if isinstance(thing, Document):
            return next(iter(candidates), "")
        for home in sorted(candidates, key=lambda one: one != before):
            said = {entry: one for entry, one in self._said.get(home, {}).items() if entry != (self._member, source)}
            if said and self._fits(thing, said):
                return home
        return ""

    def _fits(self, thing: Record, said: Mapping[tuple[str, str], Record]) -> bool:
        """Does it describe what one of an item's entries describes, and contradict none but those that staff joined?"""
        free = (other for entry, other in said.items() if entry not in self._joined)
        return any(agreement(thing, other) for other in said.values()) and not any(
            contradiction(thing, other) for other in free
        )

    def _free_id(self, source: str, key: str) -> str:
        """An id made of where the entry comes from; of its key, too, while that one is another item's."""
        made = self._place_id(source)
        return self._place_id(f"{source}\0{key}") if made in self._taken else made

    def _place_id(self, source: str) -> str:
        place = f"{self._collection}\0{self._member}\0{source}"
        return hashlib.blake2b(place.encode("utf-8", "surrogatepass"), digest_size=10).hexdigest()


def _meetings(thing: Record | Document) -> tuple[str, ...]:
    return tuple(f"i:{_hashed(key)}" for key in meeting_keys(thing)) if isinstance(thing, Record) else ()


def _hashed(key: str) -> str:
    return hashlib.blake2b(key.encode("utf-8", "surrogatepass"), digest_size=20).hexdigest()


def cluster_key(thing: Record | Document, member: str) -> str:
    """Forty characters shared by what may be one item: a manifestation's key, or the entry itself."""
    said = record_key(thing) if isinstance(thing, Record) else ""
    own = f"k\0{said}" if said else f"s\0{member}\0{thing.source_id}"
    return _hashed(own)
