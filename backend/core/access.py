"""Who is calling, and what they may see: the only place that decides it.

A caller's *audiences* filter before ranking (search), before storing (answers) and before reading (records). What lies
outside them is answered exactly as if it did not exist.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from backend.core.errors import ConfigurationError, Forbidden

PUBLIC = "public"
STAFF = "staff"

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Role(StrEnum):
    """What a staff account may do: everything of the roles before it, too."""

    LIBRARIAN = "librarian"
    OFFICE = "office"


@dataclass(frozen=True, slots=True, kw_only=True)
class Visitor:
    """A reader without an account: an unguessable id, bound to the member whose site they came from."""

    id: str
    member: str
    origin: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Staff:
    """A librarian of one member (``member`` None: the consortium office)."""

    id: str
    username: str
    name: str
    role: Role
    member: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Everyone who calls: an anonymous reader, a visitor, a branch user, a librarian."""

    address: str
    visitor: Visitor | None = None
    staff: Staff | None = None
    branches: frozenset[str] = frozenset()

    @property
    def audiences(self) -> frozenset[str]:
        """The audiences whose items this caller may find: public, their branches, staff."""
        seen = {PUBLIC, *(f"branch:{code}" for code in self.branches)}
        if self.staff:
            seen.add(STAFF)
        return frozenset(seen)

    @property
    def member(self) -> str | None:
        """The member whose rules and holdings come first for this caller."""
        if self.staff:
            return self.staff.member
        return self.visitor.member if self.visitor else None

    @property
    def limit_key(self) -> str:
        """Whom a rate limit counts: a person where known, else an address."""
        if self.staff:
            return f"staff:{self.staff.id}"
        return f"visitor:{self.visitor.id}" if self.visitor else f"address:{self.address}"

    def require_staff(self, role: Role = Role.LIBRARIAN) -> Staff:
        """The staff member calling.

        :raises Forbidden: for anyone else, or a librarian where the office is needed.
        """
        if self.staff is None or (role is Role.OFFICE and self.staff.role is not Role.OFFICE):
            raise Forbidden("此操作需要馆员权限。" if role is Role.LIBRARIAN else "此操作需要联盟办公室权限。")
        return self.staff


def parse_networks(text: str | Iterable[str]) -> tuple[Network, ...]:
    """Networks from a comma- or space-separated list, or any iterable of CIDR strings.

    :raises ConfigurationError: naming the part that is no address or network.
    """
    parts = text.replace(",", " ").split() if isinstance(text, str) else [part.strip() for part in text]
    networks = []
    for part in parts:
        try:
            networks.append(ipaddress.ip_network(part, strict=False))
        except ValueError as error:
            raise ConfigurationError(f"not an address or network: {part!r}") from error
    return tuple(networks)


def in_networks(address: str, networks: Sequence[Network]) -> bool:
    """Does ``address`` lie in one of them? An IPv4-mapped IPv6 address counts as its IPv4 address."""
    try:
        parsed: ipaddress.IPv4Address | ipaddress.IPv6Address = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped:
        parsed = parsed.ipv4_mapped
    return any(parsed in network for network in networks if network.version == parsed.version)


def client_address(peer: str, forwarded_for: str, trusted: Sequence[Network]) -> str:
    """The caller's address: ``peer``, unless it is a declared proxy; then the right-most forwarded address that is not.

    What a caller outside the trusted proxies writes into X-Forwarded-For is never believed.
    """
    if not in_networks(peer, trusted):
        return peer
    hops = [hop.strip() for hop in forwarded_for.split(",") if hop.strip()]
    for hop in reversed(hops):
        try:
            ipaddress.ip_address(hop)
        except ValueError:
            return peer
        if not in_networks(hop, trusted):
            return hop
    return hops[0] if hops else peer
