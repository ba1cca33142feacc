"""A record or document as the catalogue keeps what its source said: compact JSON, read back to an equal value."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
from typing import Any

from indexer.records import Block, Classification, Contributor, Document, Holding, Identifier, Record

_PARTS: dict[str, type] = {
    "contributors": Contributor,
    "identifiers": Identifier,
    "classifications": Classification,
    "holdings": Holding,
    "blocks": Block,
}
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def _defaults(kind: type) -> dict[str, Any]:
    found = {}
    for one in dataclasses.fields(kind):
        if one.default is not dataclasses.MISSING:
            found[one.name] = one.default
        elif one.default_factory is not dataclasses.MISSING:
            found[one.name] = one.default_factory()
        else:
            found[one.name] = None
    return found


_FIELDS = {kind: list(_defaults(kind).items()) for kind in (Record, Document, *_PARTS.values())}


def _said(value: Any) -> dict[str, Any]:
    """Only the fields that differ from their default."""
    return {name: got for name, default in _FIELDS[type(value)] if (got := getattr(value, name)) != default}


def storable(text: str) -> str:
    """``text`` without what no database stores: NUL and lone surrogates become U+FFFD."""
    return _UNSTORABLE.sub("\ufffd", text)


def encode(thing: Record | Document) -> str:
    """``thing`` as JSON. NUL and lone surrogates, which no database stores, become U+FFFD."""
    mark = "r" if isinstance(thing, Record) else "d"
    encoded = json.dumps({mark: _said(thing)}, ensure_ascii=False, separators=(",", ":"), default=_said)
    return storable(encoded.replace("\\u0000", "\ufffd"))


def decode(payload: str) -> Record | Document:
    """The value that :func:`encode` was given."""
    whole = json.loads(payload)
    kind, said = (Record, whole["r"]) if "r" in whole else (Document, whole["d"])
    for name, value in said.items():
        if isinstance(value, list):
            part = _PARTS.get(name)
            said[name] = tuple(_part(part, one) for one in value) if part else tuple(value)
    made: Record | Document = kind(**said)
    return made


def _part(kind: type, said: dict[str, Any]) -> Any:
    return kind(**{name: tuple(value) if isinstance(value, list) else value for name, value in said.items()})


def digest(payload: str) -> str:
    """Forty characters that change with any change of what the source said."""
    return hashlib.blake2b(payload.encode("utf-8", "surrogatepass"), digest_size=20).hexdigest()
