"""How an input is to be read."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from indexer.sources.holding_rules import HoldingRules
from indexer.sources.unchanged import Unchanged
from indexer.sources.values import HarvestState

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def no_state(address: str) -> HarvestState:
    """The state of an address that was never harvested."""
    return HarvestState()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadingOptions:
    """How inputs are read.

    ``columns`` maps a table's headings to fields; ``kind`` is what untold things are; ``harvest`` holds what a person
    asked of an OAI-PMH or SRU server (metadataPrefix, set, from, until, query, recordSchema, maximumRecords, version).
    ``rules`` say how MARC records tell their holdings; ``unchanged`` tells which MARC records need not be read again.
    ``known`` are the marks of document files that are stored already, by source id; ``state`` tells how far the
    harvest of an address got, ``run_id`` which run this is. ``networks``: private networks that may be visited.
    """

    format: str = "auto"
    kind: str | None = None
    columns: Mapping[str, str] | None = None
    harvest: Mapping[str, str] = field(default_factory=dict)
    rules: HoldingRules | None = None
    unchanged: Unchanged | None = None
    allow_private: bool = False
    networks: tuple[Network, ...] = ()
    known: Mapping[str, str] = field(default_factory=dict)
    state: Callable[[str], HarvestState] = no_state
    run_id: int = 0
    salt: str = ""
