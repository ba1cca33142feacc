"""Who is calling is decided in one place."""

from __future__ import annotations

import pytest

from backend.core.access import Caller, Role, Staff, Visitor, client_address, in_networks, parse_networks
from backend.core.errors import ConfigurationError, Forbidden

PROXIES = parse_networks("192.0.2.1, 2001:db8::/32")


@pytest.mark.parametrize(
    ("peer", "forwarded", "expected"),
    [
        ("198.51.100.7", "10.1.1.1", "198.51.100.7"),  # not a proxy: its header is a claim
        ("192.0.2.1", "10.1.1.1", "10.1.1.1"),
        ("192.0.2.1", "10.1.1.1, 203.0.113.9", "203.0.113.9"),  # the left part was written by the caller
        ("192.0.2.1", "10.1.1.1, 2001:db8::5", "10.1.1.1"),
        ("192.0.2.1", "", "192.0.2.1"),
        ("192.0.2.1", "10.1.1.1, nonsense", "192.0.2.1"),
    ],
)
def test_only_a_declared_proxy_is_believed(peer: str, forwarded: str, expected: str) -> None:
    assert client_address(peer, forwarded, PROXIES) == expected


def test_a_mapped_address_is_its_ipv4_address() -> None:
    assert in_networks("::ffff:10.20.3.4", parse_networks("10.20.0.0/16"))
    assert not in_networks("not an address", parse_networks("0.0.0.0/0"))


def test_a_wrong_network_is_named() -> None:
    with pytest.raises(ConfigurationError, match=r"10\.0\.0\.0/99"):
        parse_networks("10.0.0.0/8, 10.0.0.0/99")


def test_audiences_grow_with_what_the_caller_is() -> None:
    librarian = Staff(id="s", username="li", name="李馆员", role=Role.LIBRARIAN, member="SLCITY")
    assert Caller(address="").audiences == {"public"}
    assert Caller(address="", branches=frozenset({"GX"})).audiences == {"public", "branch:GX"}
    assert Caller(address="", staff=librarian).audiences == {"public", "staff"}


def test_the_own_member_is_the_visitors_or_the_librarians() -> None:
    visitor = Visitor(id="v", member="demo", origin="http://localhost")
    assert Caller(address="", visitor=visitor).member == "demo"
    assert Caller(address="").member is None


def test_a_librarian_is_not_the_office() -> None:
    librarian = Staff(id="s", username="li", name="李馆员", role=Role.LIBRARIAN, member="SLCITY")
    caller = Caller(address="", staff=librarian)
    assert caller.require_staff() == librarian
    with pytest.raises(Forbidden):
        caller.require_staff(Role.OFFICE)
    with pytest.raises(Forbidden):
        Caller(address="").require_staff()
