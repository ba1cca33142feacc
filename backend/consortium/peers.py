"""ISO 18626 peers: other systems that we ask, and that ask us."""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace
from urllib.parse import urlsplit

from sqlalchemy.orm import Session

from backend.consortium import store
from backend.consortium.models import PeerRow
from backend.consortium.values import Peer
from backend.core.db import now
from backend.core.errors import Conflict, InputError

SYMBOL = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:/-]{0,79}")
MIN_TOKEN = 8


def add_peer(
    session: Session,
    symbol: str,
    *,
    url: str,
    token: str,
    name: str = "",
    version: str = "1.2",
    outgoing_token: str | None = None,
) -> Peer:
    """Add a peer, or change one. ``token`` is what it shows us; ``outgoing_token`` what we show it (default: the same).

    :raises InputError: for a symbol, URL, version or token that cannot be used; :raises Conflict: for a token in use.
    """
    if not SYMBOL.fullmatch(symbol):
        raise InputError(f"not an agency symbol: {symbol[:100]!r}")
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
        raise InputError(f"a peer's url is http(s)://host/…, not {url[:100]!r}")
    if version not in ("1.2", "2021-2"):
        raise InputError("version must be 1.2 or 2021-2")
    if len(token) < MIN_TOKEN or not token.isascii() or not token.isprintable():
        raise InputError(f"a peer's token has at least {MIN_TOKEN} printable characters")
    digest = token_digest(token)
    owner = store.peer_by_token_hash(session, digest)
    if owner and owner.symbol != symbol:
        raise Conflict("another peer has this token already")
    row = store.peer_row(session, symbol)
    if row is None:
        row = PeerRow(symbol=symbol, created_at=now())
        session.add(row)
    row.name, row.url, row.version, row.active = name or symbol, url, version, True
    row.token_hash, row.outgoing_token = digest, token if outgoing_token is None else outgoing_token
    session.flush()
    found = store.peer(session, symbol)
    if found is None:
        raise InputError("the peer could not be stored")
    return found


def list_peers(session: Session) -> list[Peer]:
    """The peers as people may see them: without the token we show them."""
    return [replace(peer, outgoing_token="") for peer in store.peers(session)]


def peer_of_token(session: Session, token: str) -> Peer | None:
    """The active peer that owns this Bearer token. Compared as SHA-256, which is all that is stored: how long the
    look-up takes says nothing of a token."""
    return store.peer_by_token_hash(session, token_digest(token))


def token_digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
