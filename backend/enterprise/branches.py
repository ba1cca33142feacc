"""Enterprise branches: who is in one. By the address they call from, or by an account
(:mod:`backend.core.accounts` says how accounts and sessions are kept)."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterable

from sqlalchemy.orm import Session

from backend.core.access import Network, in_networks, parse_networks
from backend.core.accounts import SignIn
from backend.core.db import Database, now
from backend.core.errors import Conflict, InputError, NotFound
from backend.core.ids import new_id
from backend.core.passwords import check_password, clean_username, hash_password
from backend.enterprise import store
from backend.enterprise.models import AccountRow, BranchRow, SessionRow
from backend.enterprise.values import Account, Branch, BranchSession

CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,39}")
WIDEST = {4: 8, 6: 16}
"""Shortest prefix of an authorised network; a slip such as ``0.0.0.0/0`` would open the branch to everybody."""


def add_branch(
    session: Session, code: str, *, name: str, networks: Iterable[str] = (), member: str = ""
) -> Branch:  # fmt: skip
    """Add a branch, or bring an existing one up to these values (safe to repeat).

    :raises InputError: for a code that cannot be used, no name, or a network that is none or too wide.
    """
    if not CODE.fullmatch(code):
        raise InputError(f"branch code: letters, digits, . _ - (at most 40), not {code[:50]!r}")
    if not name.strip():
        raise InputError("a branch needs a name")
    checked = _networks(networks)
    row = store.branch_row(session, code)
    if row is None:
        row = BranchRow(code=code, created_at=now(), active=True)
        session.add(row)
    row.name, row.member = name.strip(), member.strip()
    session.flush()
    store.replace_networks(session, code, checked)
    return get_branch(session, code)


def get_branch(session: Session, code: str) -> Branch:
    """:raises NotFound: when there is no such branch."""
    for branch in store.branches(session):
        if branch.code == code:
            return branch
    raise NotFound(f"没有这个企业分馆：{code[:40]}")


def list_branches(session: Session) -> list[Branch]:
    return store.branches(session)


def add_account(
    session: Session, branch: str, username: str, *, password: str, name: str = "", email: str = ""
) -> Account:
    """An account of a branch.

    :raises NotFound: for an unknown branch; :raises Conflict: for a taken name.
    :raises InputError: for a short password.
    """
    get_branch(session, branch)
    username = clean_username(username)
    check_password(password)
    if store.ACCOUNTS.by_username(session, username):
        raise Conflict(f"there is already an account {username}")
    row = AccountRow(
        id=new_id("ba_"), branch=branch, username=username, name=name.strip() or username, email=email.strip(),
        password_hash=hash_password(password), active=True, created_at=now(),
    )  # fmt: skip
    session.add(row)
    session.flush()
    return store.account(row)


def set_password(session: Session, username: str, password: str) -> None:
    """Change a password; every session of the account ends.

    :raises NotFound: when there is no such account; :raises InputError: for a short password.
    """
    if not store.ACCOUNTS.set_password(session, username, password):
        raise NotFound(f"there is no account {username[:80]}")


def list_accounts(session: Session, branch: str | None = None) -> list[Account]:
    return store.accounts(session, branch)


def resolve(branches: Iterable[Branch], address: str) -> frozenset[str]:
    """Codes of the open branches in whose authorised networks ``address`` lies."""
    return frozenset(
        branch.code for branch in branches if branch.active and in_networks(address, parse_networks(branch.networks))
    )


def _networks(texts: Iterable[str]) -> list[str]:
    found = []
    for text in texts:
        parsed = _network(text)
        if parsed.prefixlen < WIDEST[parsed.version]:
            raise InputError(f"network {text} is too wide for a branch (at least /{WIDEST[parsed.version]})")
        found.append(str(parsed))
    return sorted(set(found))


def _network(text: str) -> Network:
    parsed = parse_networks([text])
    if len(parsed) != 1:
        raise InputError(f"not a network: {text[:80]!r}")
    return parsed[0]


class Branches(SignIn[AccountRow, SessionRow]):
    """Which branches a caller is in (the port ``backend.core.http.BranchDirectory``), and the accounts' sign-in."""

    def __init__(self, database: Database, *, key: str, ttl: int, seconds: float = 5.0) -> None:
        super().__init__(database, store.ACCOUNTS, key=key, purpose="branch", ttl=ttl)
        self._seconds = seconds
        self._lock = threading.Lock()
        self._known: tuple[tuple[str, tuple[Network, ...]], ...] = ()
        self._read_at = float("-inf")

    def branches(self, address: str, cookie: str | None) -> frozenset[str]:
        """The branches of a caller at this address, or with this session cookie."""
        by_address = {code for code, networks in self._networks() if in_networks(address, networks)}
        signed_in = self.session(cookie) if cookie else None
        return frozenset(by_address | ({signed_in.account.branch} if signed_in else set()))

    def _networks(self) -> tuple[tuple[str, tuple[Network, ...]], ...]:
        """Networks of the open branches, read again at most every few seconds (every call asks)."""
        with self._lock:
            if time.monotonic() - self._read_at > self._seconds:
                with self._database.read() as session:
                    listed = store.branches(session)
                self._known = tuple((one.code, parse_networks(one.networks)) for one in listed if one.active)
                self._read_at = time.monotonic()
            return self._known

    def session(self, cookie: str) -> BranchSession | None:
        """Whose cookie this is; None when it is forged, too old or signed out."""
        found = self.signed_in(cookie)
        return BranchSession(account=store.account(found[1]), csrf=found[0].csrf) if found else None
