"""Members, their web sites and their agreements: what the command line and the demo call."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterable
from datetime import date
from urllib.parse import urlsplit

from sqlalchemy.orm import Session

from backend.consortium import store
from backend.consortium.models import AgreementRow, MemberRow
from backend.consortium.values import SERVICES, Agreement, Member
from backend.core.db import Database, now
from backend.core.errors import InputError, NotFound, OriginNotAllowed
from backend.core.ids import new_id

CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,39}")
DEFAULT_PORTS = {"http": "80", "https": "443"}


def add_member(
    session: Session,
    code: str,
    *,
    name: str,
    origins: Iterable[str] = (),
    address: str = "",
    email: str = "",
    latitude: float | None = None,
    longitude: float | None = None,
    closed_days: Iterable[str] = (),
    goal: int = 0,
    alias_of: str | None = None,
) -> Member:
    """Add a member, or bring an existing one up to these values (safe to repeat).

    :raises InputError: for a code, origin or closed day that cannot be used.
    """
    if not CODE.fullmatch(code):
        raise InputError(f"member code: letters, digits, . _ - (at most 40), not {code[:50]!r}")
    if not name.strip():
        raise InputError("a member needs a name")
    row = store.member_row(session, code)
    if row is None:
        row = MemberRow(code=code, joined_at=now(), active=True)
        session.add(row)
    row.name = name.strip()
    row.address, row.email = address.strip(), email.strip()
    row.latitude, row.longitude = latitude, longitude
    row.closed_days = [_closed_day(day) for day in closed_days]
    row.goal = goal
    row.alias_of = get_member(session, alias_of).code if alias_of else None
    session.flush()
    store.replace_origins(session, code, [normalise_origin(origin) for origin in origins])
    return get_member(session, code)


def get_member(session: Session, code: str) -> Member:
    """:raises NotFound: when there is no such member."""
    found = store.member(session, code)
    if found is None:
        raise NotFound(f"没有这个成员馆：{code[:40]}")
    return found


def list_members(session: Session) -> list[Member]:
    return store.members(session)


def add_agreement(
    session: Session,
    *,
    requester: str,
    supplier: str,
    service: str,
    price_fen: int = 0,
    page_price_fen: int = 0,
    max_pages: int | None = None,
    max_per_month: int | None = None,
    valid_from: date | None = None,
    valid_until: date | None = None,
) -> Agreement:
    """``supplier`` will supply ``service`` to ``requester``. Prices in fen.

    :raises InputError: for an unknown service or impossible numbers; :raises NotFound: for an unknown member.
    """
    if service not in SERVICES:
        raise InputError(f"service must be loan or copy, not {service[:20]!r}")
    if requester == supplier:
        raise InputError("an agreement needs two different members")
    if min(price_fen, page_price_fen, max_pages or 1, max_per_month or 1) < 0 or 0 in (max_pages, max_per_month):
        raise InputError("prices and limits of an agreement must not be negative, limits not zero")
    begins = valid_from or now().date()
    if valid_until and valid_until < begins:
        raise InputError("an agreement cannot end before it begins")
    for code in (requester, supplier):
        get_member(session, code)
    row = AgreementRow(
        id=new_id("ag_"),
        requester=requester,
        supplier=supplier,
        service=service,
        price_fen=price_fen,
        page_price_fen=page_price_fen,
        max_pages=max_pages,
        max_per_month=max_per_month,
        valid_from=begins,
        valid_until=valid_until,
        created_at=now(),
    )
    session.add(row)
    session.flush()
    return next(agreement for agreement in store.agreements(session, requester=requester) if agreement.id == row.id)


def list_agreements(session: Session, *, requester: str | None = None) -> list[Agreement]:
    return store.agreements(session, requester=requester)


def _closed_day(text: str) -> str:
    day = text.strip()
    if day in {"1", "2", "3", "4", "5", "6", "7"}:
        return day
    try:
        return date.fromisoformat(day).isoformat()
    except ValueError as error:
        raise InputError(f"a closed day is an ISO weekday 1-7 or a date, not {day[:20]!r}") from error


def normalise_origin(origin: str) -> str:
    """``scheme://host[:port]`` in lower case without the scheme's own port; the port may be ``*``.

    >>> normalise_origin("HTTPS://Lib.Example.org:443/")
    'https://lib.example.org'

    :raises InputError: when it is no web origin.
    """
    text = origin.strip().lower().rstrip("/")
    any_port = text.endswith(":*")
    parts = urlsplit(text.removesuffix(":*"))
    try:
        port = parts.port
    except ValueError as error:
        raise InputError(f"not an origin: {origin[:100]!r}") from error
    extra = parts.path or parts.query or parts.fragment or parts.username or (any_port and port)
    if parts.scheme not in DEFAULT_PORTS or not parts.hostname or extra:
        raise InputError(f"not an origin (https://host or http://host:*): {origin[:100]!r}")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    if any_port:
        return f"{parts.scheme}://{host}:*"
    suffix = "" if port is None or str(port) == DEFAULT_PORTS[parts.scheme] else f":{port}"
    return f"{parts.scheme}://{host}{suffix}"


def origin_matches(origin: str, pattern: str) -> bool:
    """Does a browser's Origin header fit a member's entry (which may end in ``:*``)?"""
    try:
        normal = normalise_origin(origin)
    except InputError:
        return False
    if normal.endswith(":*"):
        return False
    if not pattern.endswith(":*"):
        return normal == pattern
    head = pattern.removesuffix(":*")
    return normal == head or (normal.startswith(head + ":") and normal[len(head) + 1 :].isdigit())


def check_origin(member: Member, origin: str | None) -> str:
    """The origin, when it is on the member's list.

    :raises OriginNotAllowed: when it is missing or foreign.
    """
    if origin is None or not any(origin_matches(origin, pattern) for pattern in member.origins):
        raise OriginNotAllowed(
            f"这个网站不在“{member.name}”的名单上。", detail={"origin": origin[:200] if origin else None}
        )
    return origin


class OriginList:
    """The origins of all active members, read again at most every few seconds (for every cross-origin call)."""

    def __init__(self, database: Database, *, seconds: float = 5.0) -> None:
        self._database = database
        self._seconds = seconds
        self._lock = threading.Lock()
        self._read_at = float("-inf")
        self._patterns: frozenset[str] = frozenset()

    def allowed_origins(self) -> frozenset[str]:
        with self._lock:
            if time.monotonic() - self._read_at > self._seconds:
                with self._database.read() as session:
                    self._patterns = frozenset(origin for _, origin in store.active_origins(session))
                self._read_at = time.monotonic()
            return self._patterns

    def origin_allowed(self, origin: str) -> bool:
        return any(origin_matches(origin, pattern) for pattern in self.allowed_origins())
