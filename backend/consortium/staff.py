"""Staff accounts and their console sessions.

Passwords are kept as argon2id hashes and never logged. A session is a random secret in a signed cookie, of which the
database keeps the hash: signing out, a changed password or a closed account ends it on the server.
"""

from __future__ import annotations

import secrets
from datetime import timedelta

from sqlalchemy.orm import Session

from backend.consortium import store
from backend.consortium.members import get_member
from backend.consortium.models import StaffRow, StaffSessionRow
from backend.consortium.values import StaffAccount
from backend.core.access import Role, Staff
from backend.core.db import Database, now
from backend.core.errors import Conflict, InputError, Unauthenticated
from backend.core.http import StaffSession
from backend.core.ids import new_id
from backend.core.passwords import check_password, clean_username, hash_password, secret_digest, verify_password
from backend.core.tokens import SignedCookie

"""Checked when the account does not exist, so that both refusals take the same time."""


def add_staff(
    session: Session, username: str, *, password: str, name: str = "", role: str = "librarian", member: str | None
) -> StaffAccount:
    """Make an account. ``role`` librarian (of a member) or office (of the consortium: ``member`` None).

    :raises Conflict: when the name is taken; :raises InputError: for a short password, unknown role or missing member.
    """
    username = clean_username(username)
    check_password(password)
    if role not in {kind.value for kind in Role}:
        raise InputError(f"role must be librarian or office, not {role[:20]!r}")
    if role == Role.LIBRARIAN and not member:
        raise InputError("a librarian belongs to a member: name it")
    if member:
        get_member(session, member)
    if store.staff_by_username(session, username):
        raise Conflict(f"there is already an account {username}")
    row = StaffRow(
        id=new_id("s_"),
        username=username,
        name=name.strip() or username,
        role=role,
        member=member or None,
        password_hash=hash_password(password),
        active=True,
        created_at=now(),
    )
    session.add(row)
    session.flush()
    return store.account(row)


def set_password(session: Session, username: str, password: str) -> None:
    """Change a password; every session of the account ends."""
    check_password(password)
    row = store.staff_by_username(session, clean_username(username))
    if row is None:
        raise InputError(f"there is no account {username[:80]}")
    row.password_hash = hash_password(password)
    store.revoke_sessions_of(session, row.id, now())


def list_staff(session: Session) -> list[StaffAccount]:
    return store.staff_accounts(session)


class StaffSessions:
    """Signs librarians in and out, and tells whose a cookie is (the port ``backend.core.http.StaffDirectory``)."""

    def __init__(self, database: Database, *, key: str, ttl: int) -> None:
        self._database = database
        self._cookie = SignedCookie(key, purpose="staff", ttl=ttl)
        self.ttl = ttl

    def sign_in(self, username: str, password: str) -> str:
        """The cookie of a new session.

        :raises Unauthenticated: for a wrong name or password (which of the two is not told).
        """
        with self._database.read() as session:
            row = store.staff_by_username(session, username.strip().lower()[:80])
        verified = verify_password(row.password_hash if row else None, password)
        if row is None or not row.active or not verified:
            raise Unauthenticated("用户名或密码不正确。")
        secret, moment = secrets.token_urlsafe(32), now()
        with self._database.begin() as session:
            store.forget_ended_sessions(session, moment - timedelta(days=30))
            session.add(
                StaffSessionRow(
                    secret_hash=secret_digest(secret),
                    staff_id=row.id,
                    csrf=secrets.token_urlsafe(24),
                    created_at=moment,
                    expires_at=moment + timedelta(seconds=self.ttl),
                )
            )
        return self._cookie.write(secret)

    def session(self, cookie: str) -> StaffSession | None:
        secret = self._cookie.read(cookie)
        if not isinstance(secret, str):
            return None
        with self._database.read() as session:
            found = store.live_session(session, secret_digest(secret), now())
        if found is None:
            return None
        row, owner = found
        staff = Staff(id=owner.id, username=owner.username, name=owner.name, role=Role(owner.role), member=owner.member)
        return StaffSession(staff, row.csrf)

    def sign_out(self, cookie: str) -> None:
        secret = self._cookie.read(cookie)
        if isinstance(secret, str):
            with self._database.begin() as session:
                store.revoke_session(session, secret_digest(secret), now())
